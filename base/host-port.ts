/** An address as a URL has it: IPv6 in brackets (RFC 3986, 3.2.2). */
export const urlHost = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** `1.2.3.4:80`, `name:80` or `[fd00::1]:80`. */
export const hostPort = (address: string, port: number): string => `${urlHost(address)}:${port}`;
