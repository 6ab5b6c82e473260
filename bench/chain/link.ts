export interface Link {
  service: string;
  appPort: number;
  upstreams: { service: string; localPort: number }[];
}
