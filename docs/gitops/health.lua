-- Health of a MeshService for Argo CD (resource.customizations.health.landbridge.dev_MeshService).
-- Degraded: somebody has to do something. Progressing: it passes, or it waits for instances.
local degraded = {
  ConsulRefused = true,
  NameOwnedByAnother = true,
  PodsWithoutSidecar = true,
  NamespaceNotEnabled = true,
  PortNotFound = true,
  InvalidSpec = true,
}
local health = { status = "Progressing", message = "The operator has not looked at it yet" }
if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.metadata.generation ~= nil and obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.reason .. ": " .. (condition.message or "")
    if condition.status == "True" then
      health.status = "Healthy"
    elseif degraded[condition.reason] then
      health.status = "Degraded"
    end
  end
end
return health
