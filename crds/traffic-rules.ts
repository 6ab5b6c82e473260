/** Rules of spec.traffic that look at more than one field: CEL over the whole spec, run by the API server. */

interface Rule {
  rule: string;
  message: string;
}

const TRAFFIC = '!has(self.traffic)';
const TCP = "(!has(self.protocol) || self.protocol == 'tcp')";

/** Levers that need the sidecar to see requests: on tcp it sees bytes. */
const HTTP_ONLY = ['timeout', 'idleTimeout', 'retries', 'split', 'routes'];

const httpOnly = (field: string): Rule => ({
  rule: `${TRAFFIC} || !has(self.traffic.${field}) || !${TCP}`,
  message: `spec.traffic.${field} is for http, http2 and grpc, and spec.protocol is tcp: set spec.protocol, or take spec.traffic.${field} out`,
});

/** All places that name a subset, each as `[list, item, has, value]`. */
const REFERENCES = [
  { field: 'split', has: 'has(x.subset)', value: 'x.subset' },
  { field: 'routes', has: 'has(x.subset)', value: 'x.subset' },
  { field: 'failover', has: "x.from != '*'", value: 'x.from' },
];

const everyReference = (test: (value: string) => string): string =>
  [
    TRAFFIC,
    '(' +
      [
        ...REFERENCES.map(
          ({ field, has, value }) =>
            `(!has(self.traffic.${field}) || self.traffic.${field}.all(x, !(${has}) || ${test(value)}))`,
        ),
        `(!has(self.traffic.failover) || self.traffic.failover.all(x, x.to.all(t, t.startsWith('service:') || ${test('t')})))`,
      ].join(' && ') +
      ')',
  ].join(' || ');

const declared = (value: string): string =>
  `(${value} in ['pods', 'vms', 'external'] || ${value}.contains(':') || (has(self.traffic.subsets) && self.traffic.subsets.exists(s, s.name == ${value})))`;

export const TRAFFIC_RULES: Rule[] = [
  ...HTTP_ONLY.map(httpOnly),
  {
    rule: `${TRAFFIC} || !has(self.traffic.loadBalancing) || !has(self.traffic.loadBalancing.hashOn) || has(self.traffic.loadBalancing.hashOn.source) || !${TCP}`,
    message:
      'spec.traffic.loadBalancing.hashOn: a header or cookie needs http, http2 or grpc, and spec.protocol is tcp: set spec.protocol, or hash on source',
  },
  {
    rule: `${TRAFFIC} || !has(self.traffic.split) || self.traffic.split.map(s, s.weight).sum() == 100`,
    message: 'the weights of spec.traffic.split must add up to 100',
  },
  {
    rule: `${TRAFFIC} || !has(self.traffic.split) || self.traffic.split.all(a, self.traffic.split.filter(b, (has(a.subset) && has(b.subset) && a.subset == b.subset) || (has(a.service) && has(b.service) && a.service == b.service)).size() == 1)`,
    message: 'spec.traffic.split names a destination twice: add its weights up in one part',
  },
  {
    rule: everyReference(declared),
    message:
      'spec.traffic names a subset that does not exist: declare it in spec.traffic.subsets, or use pods, vms, external, site:NAME, zone:NAME or version:LABEL',
  },
  {
    rule: everyReference((value) => `(${value} != 'pods' || has(self.workloads.pods))`),
    message: 'spec.traffic names the subset pods, but spec.workloads selects none: add spec.workloads.pods.selector',
  },
  {
    rule: everyReference((value) => `(!(${value} in ['vms', 'external']) || has(self.workloads.external))`),
    message:
      'spec.traffic names the subset vms or external, but spec.workloads admits no site: add spec.workloads.external.sites',
  },
  {
    rule: `${TRAFFIC} || !has(self.traffic.routes) || self.traffic.routes.all(a, self.traffic.routes.exists_one(b, b.name == a.name))`,
    message: 'two routes of spec.traffic.routes have the same name: give each its own',
  },
];
