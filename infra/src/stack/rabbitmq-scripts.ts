/** A RabbitMQ that can be run privately. */
export interface RabbitmqScripts {
  /** The script itself, not the wrapper of a system service. */
  readonly server: string;
  readonly epmd: string;
  /** Folders that come before the search path, so that the script finds its Erlang. */
  readonly searchFirst: readonly string[];
  /** Folders of libraries that the system lacks. */
  readonly libraries: readonly string[];
  readonly from: string;
}
