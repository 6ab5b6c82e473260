import { type ActualState, type CatalogState, type ConfigEntry, configKey, OWNER_META } from './entry.ts';
import { withoutOthers } from './joins.ts';

type Config = CatalogState['config'];
type Source = { Name: string; Action?: string; Permissions?: unknown };

/**
 * The config entries of a MeshService that asks for what cannot be served, under each name that it holds.
 *
 * | entry                           | becomes                                                                           |
 * |---------------------------------|-----------------------------------------------------------------------------------|
 * | nothing is held                 | the claim, and who may call                                                       |
 * | service-intentions              | as it is asked for: access that is taken back goes, whatever else cannot be served |
 * | the owner's own                 | stays; what joins other services goes when `withdraws`                            |
 * | the claim without its mark      | stays, and gets the mark                                                          |
 * | another hand's                  | the resolver as it is asked for; else it goes                                     |
 */
export function kept(
  wanted: Config,
  held: ActualState['config'],
  owner: string,
  { service, withdraws }: { service: string | undefined; withdraws: boolean },
): Config {
  const names = new Set(Object.values(held).map(({ entry }) => entry.Name));
  if (names.size === 0) return alone(wanted, service);
  const claimed = service === undefined || names.has(service) ? {} : alone(wanted, service);
  return Object.assign(claimed, ...[...names].map((name) => keptUnder(name)));

  function keptUnder(name: string): Config {
    const staying: ConfigEntry[] = [];
    for (const { entry } of Object.values(held)) {
      if (entry.Name !== name || entry.Kind === 'service-intentions') continue;
      const asked = wanted[configKey(entry)];
      if (entry.Meta[OWNER_META] === owner) staying.push(entry);
      else if (entry.Kind === 'service-defaults') staying.push({ ...entry, Meta: { [OWNER_META]: owner } });
      else if (entry.Kind === 'service-resolver' && asked !== undefined) staying.push(asked);
    }
    const claim = wanted[configKey({ Kind: 'service-defaults', Name: name })];
    // The claim itself was taken away.
    if (claim !== undefined && !staying.some(({ Kind }) => Kind === 'service-defaults')) staying.push(claim);
    const byKind = Object.fromEntries(staying.map((entry) => [entry.Kind, entry]));
    const entries = Object.values(withdraws ? withoutOthers(byKind) : byKind);
    const intentions = intentionsUnder(name, byKind['service-defaults']?.['Protocol']);
    return Object.fromEntries([...entries, ...intentions].map((entry) => [configKey(entry), entry]));
  }

  /** Rules by path need http. While Consul holds tcp, callers that such rules alone would allow stay denied. */
  function intentionsUnder(name: string, protocol: unknown): ConfigEntry[] {
    const asked = Object.values(wanted).find(({ Kind }) => Kind === 'service-intentions');
    const sources = (asked?.['Sources'] ?? []) as Source[];
    const hasPaths = protocol !== undefined && protocol !== 'tcp';
    const possible = sources.map((source) =>
      hasPaths || isPlain(source) ? source : { Name: source.Name, Action: 'deny' },
    );
    return asked === undefined ? [] : [{ ...asked, Name: name, Sources: possible }];
  }
}

const isPlain = ({ Permissions }: Source): boolean => Permissions === undefined;

const alone = (wanted: Config, service: string | undefined): Config =>
  Object.fromEntries(
    Object.entries(wanted).filter(
      ([, { Kind, Name }]) => Name === service && (Kind === 'service-defaults' || Kind === 'service-intentions'),
    ),
  );
