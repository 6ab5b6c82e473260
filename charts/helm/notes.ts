/** The text that Helm prints after an installation or an upgrade. */
export const NOTES = `Landbridge {{ .Chart.AppVersion }} is being started in the namespace landbridge.

  kubectl -n landbridge rollout status deployment/landbridge-operator
  helm test {{ .Release.Name }}{{ if ne .Release.Namespace "default" }} -n {{ .Release.Namespace }}{{ end }}

{{- if .Release.IsUpgrade }}

A pod is replaced where its part changes, or the name of its image. Where an image was built again under its name:

  kubectl -n landbridge rollout restart deployment
{{- end }}

To bring a namespace into the mesh:

  kubectl label namespace NAME landbridge.dev/mesh=enabled

Pods of it get a sidecar when a MeshService selects them and they are made anew.
{{- if .Values.bridge.enabled }}

Machines outside the cluster join at {{ join ", " .Values.bridge.advertise }}:

  landbridge vm invite --help
{{- end }}
{{- if .Values.externalConsul.enabled }}

The Consul servers at {{ join ", " .Values.externalConsul.addresses }} are used.
If they cannot be, the bootstrap job says which value to change:

  kubectl -n landbridge logs -l app.kubernetes.io/component=bootstrap --tail=1
{{- if .Values.externalConsul.manageAcls }}

Once the job landbridge-bootstrap has completed, nothing that runs uses the Secret {{ .Values.externalConsul.token.name }}; an upgrade and the removal do.
{{- end }}
{{- end }}
{{- if .Values.crds.keep }}

helm uninstall leaves the CRDs and all MeshServices; landbridge uninstall takes everything.
{{- end }}
`;
