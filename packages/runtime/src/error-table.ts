/**
 * Every operating error of Millrace, once. A row's `message` is "cannot <verb> <object>: <reason>" with `{names}` to be
 * filled; `wayOut` is what the reader can do. docs/errors.md is generated from this table, one section per code.
 * Bad data is never an error: it is a value, counted by reason.
 */
export const ERROR_TABLE = {
  config_unreadable: {
    domain: "user",
    retry: "never",
    exitCode: 2,
    message: "cannot read configuration {path}: {reason}",
    wayOut:
      "give the right path with --config, or, of the pipeline, as `pipeline` in that file; `init` writes commented ones",
    meaning: "A configuration file does not exist, or this user may not read it.",
  },
  plan_unreadable: {
    domain: "user",
    retry: "never",
    exitCode: 2,
    message: "cannot read plan {path}: {reason}",
    wayOut: "give the right path with --plan; docs/simulator.md lists the ready plans and what one may say",
    meaning: "A simulator's plan does not exist, is a folder, or this user may not read it.",
  },
  config_invalid: {
    domain: "user",
    retry: "never",
    exitCode: 2,
    message: "cannot use configuration {path}: {count} to correct\n{problems}",
    wayOut:
      "correct the lines named above; every key is described in docs/config.md, a plan's in docs/simulator.md",
    meaning:
      "A configuration file has errors. All of them are listed, each as file:line:column with what is allowed there.",
  },
  reload_refused: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot take over {path} while central runs: {reason}",
    wayOut: "start central again, or leave in place what it needs as it runs now",
    meaning:
      "A configuration that is right at a start is not right for what runs: the address that is listened on changes only at a start.",
  },
  wrong_usage: {
    domain: "user",
    retry: "never",
    exitCode: 2,
    message: "cannot run {command}: {reason}",
    wayOut: "{command} --help says what it takes",
    meaning: "A command, flag or argument that the program does not know, or one that is missing.",
  },
  store_newer: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot open store {path}: it has format {found}, this program reads up to {supported}",
    wayOut: "install the version that wrote it ({needed}) or a newer one; the store is untouched",
    meaning: "The store was written by a newer program. It is refused untouched.",
  },
  store_locked: {
    domain: "user",
    retry: "later",
    exitCode: 1,
    message: "cannot open store {path}: process {pid} holds it",
    wayOut: "stop that process, or give this one another `data` folder",
    meaning: "Another process has the store open; a store has one holder at a time.",
  },
  backup_unreadable: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot read backup {path}: {reason}",
    wayOut: "take another backup; nothing was changed by this one",
    meaning:
      "A backup is damaged, cut short or not a backup. It is checked to its end before anything is restored.",
  },
  restore_unfinished: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message:
      "cannot open store {path}: it is not there, and a restore that did not come to its end left {restoring}",
    wayOut:
      "run `millrace-central restore FILE` again, or remove {restoring} to begin with an empty store; a store that was there before lies beside it as store.replaced-<time>",
    meaning:
      "The machine or the restore stopped in the middle. Central does not begin with an empty store where another one was to be.",
  },
  backup_failed: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write backup {path}: {reason}",
    wayOut: "try again; what was written of it is removed",
    meaning: "A backup did not come to its end: central stopped, or the disk is full.",
  },
  backup_folder_missing: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot write backup {path}: there is no folder {folder}",
    wayOut:
      "make the folder, or name another file; a relative one is below the folder that the command is started in",
    meaning:
      "Where a backup is to be written there is no folder; none is made, since a file system may not be mounted.",
  },
  backup_in_data_folder: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message:
      "cannot write backup {path}: it is in central's data folder ({folder}), which is central's alone",
    wayOut: "name a file elsewhere, best on another machine's disk; `data` in central.yaml is the folder",
    meaning:
      "A backup would be among the store's own files: of no use where their disk is lost, and room that they need.",
  },
  file_in_the_way: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot write {path}: it exists",
    wayOut: "{advice}",
    meaning: "A command would have to overwrite what is there, and never does so by itself.",
  },
  authority_unusable: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot use the authority in {folder}: {reason}",
    wayOut:
      "put authority.crt there and, to sign, the authority.key that belongs to it: PEM, RSA or an elliptic curve, without a passphrase (`openssl pkey -in KEY -out authority.key` takes it off); docs/operations.md says how to change to another authority",
    meaning:
      "The authority in the folder of identities, which `enroll` and `certificate` sign with: one of its two files is missing, damaged or encrypted, is not of the other, or has expired; nothing was signed.",
  },
  store_unwritable: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot open store {path}: {reason}",
    wayOut: "check that the disk is mounted for writing, has space, and that this user may write there",
    meaning: "The store's folder cannot be written.",
  },
  store_write: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write store {path}: {reason}",
    wayOut: "free disk space or replace the disk; until then nothing is acknowledged and nothing is lost",
    meaning: "A commit failed: disk full, or an input/output error. The commit has no effect.",
  },
  store_gone: {
    domain: "external",
    retry: "never",
    exitCode: 1,
    message: "cannot write store {path}: its folder was removed or replaced while the program ran",
    wayOut:
      "put the folder, or its mount, back and start again; without it the start begins an empty store, and what only the old one held is lost",
    meaning:
      "The store's files are no longer where the program opened them: the folder was deleted, moved or unmounted, or another lies in its place. Nothing is acknowledged any more, and the program ends.",
  },
  store_read: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot read store {path}: {reason}",
    wayOut:
      "free disk space if it is full; if the disk reports errors, replace it; `millrace-agent doctor` examines an agent's store, central's is examined at its start",
    meaning: "A read from the store failed.",
  },
  store_corrupt: {
    domain: "external",
    retry: "never",
    exitCode: 1,
    message: "cannot use store {path}: {reason}",
    wayOut:
      "start again: the start repairs what can be repaired, and sets aside what cannot; of an agent's store `millrace-agent doctor` says what is damaged",
    meaning: "The store's content fails its checks.",
  },
  wrong_kind: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot open store {path}: it belongs to {found}, not to {expected}",
    wayOut: "give each program and each agent a `data` folder of its own",
    meaning: "The folder holds the store of another program or another agent.",
  },
  records_again: {
    domain: "user",
    retry: "never",
    exitCode: 2,
    message:
      "cannot start: stream {stream} would read topic {topic} from its start, whose records are in windows of {metric} already, as stream {before} brought them",
    wayOut:
      "give the stream its name back, under `records` and in the pipeline; or, to read all of the topic once more, give its metrics new names, too",
    meaning:
      "A stream of records got another name, or a metric another stream of the same topic. Its windows would count every record a second time. Nothing has been changed.",
  },
  folder_unwritable: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot write folder {path}: {reason}",
    wayOut: "set {setting} to a folder that {user} may write, or run: sudo install -d -o {user} {path}",
    meaning: "The folder does not exist and cannot be made, or this user may not write there.",
  },
  file_system_unwritable: {
    domain: "external",
    retry: "never",
    exitCode: 1,
    message: "cannot write folder {path}: {reason}",
    wayOut:
      "mount it for writing or make room (a disk that fails is often remounted read-only: the kernel's log says so), or set {setting} to a folder on another file system",
    meaning:
      "The file system below the folder takes no writes, whoever asks: it is mounted read-only, or full.",
  },
  port_in_use: {
    domain: "user",
    retry: "later",
    exitCode: 1,
    message: "cannot listen on {host}:{port} for {purpose}: another program already listens there",
    wayOut: "stop it, or set another port with {setting}",
    meaning: "Another program listens on the port, often a second copy of this one.",
  },
  listen_failed: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot listen on {host}:{port} for {purpose}: {reason}",
    wayOut: "choose an address of this machine and a port above 1023 with {setting}",
    meaning: "The address does not belong to this machine, or the port needs more rights.",
  },
  uplink_refused: {
    domain: "user",
    retry: "later",
    exitCode: 1,
    message: "cannot send to central {url}: it refused this agent ({code}: {reason})",
    wayOut:
      "compare `agent`, `site` and the password with `agents` in central.yaml; the outbox keeps everything meanwhile",
    meaning: "Central answered, and does not take this agent's data.",
  },
  uplink_unreachable: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot reach central {url}: {reason}",
    wayOut: "check the network and `uplink.url`; the outbox keeps everything meanwhile",
    meaning: "No connection to central.",
  },
  uplink_certificate: {
    domain: "user",
    retry: "later",
    exitCode: 1,
    message: "cannot connect the uplink: {reason}",
    wayOut:
      "put a certificate, its key and the authority there that can be used (`millrace-central enroll AGENT … --certificate --renew` issues them): the agent looks again before each try; the outbox keeps everything meanwhile",
    meaning:
      "The certificate, key or authority of the uplink cannot be read, or they do not fit together. Inputs, rules, commands and outbox work on; `millrace-agent check` says where it is configured.",
  },
  broker_unreachable: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot reach MQTT broker {url}: {reason}",
    wayOut: "check that the broker runs, and the url, user name and password",
    meaning: "No connection to the broker that an input reads from or the simulator publishes to.",
  },
  redis_unreachable: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write to Redis {url}: {reason}",
    wayOut:
      "check that it runs, and `sinks.redis`; windows are kept at central meanwhile, and written when it is back",
    meaning: "No connection to the Redis of the sink, or one that ended or did not answer.",
  },
  redis_refused: {
    domain: "user",
    retry: "later",
    exitCode: 1,
    message: "cannot write to Redis {url}: it refuses this user ({reason})",
    wayOut:
      "compare `sinks.redis.username` and its password with the ACL of Redis; docs/operations.md says which rights are needed",
    meaning: "Wrong user or password, none where one is needed, or a user without the rights.",
  },
  redis_readonly: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write to Redis {url}: it is a replica and takes no writes",
    wayOut: "let `sinks.redis.url` name the primary; central looks again by itself",
    meaning: "The server is a read-only replica, perhaps since a failover.",
  },
  redis_out_of_memory: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write to Redis {url}: it is out of memory",
    wayOut: "raise its maxmemory, or shorten `sinks.redis.retention`; what waits is written then",
    meaning: "Redis has reached maxmemory and takes no more.",
  },
  redis_loading: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write to Redis {url}: it is still loading what it holds",
    wayOut: "wait; central looks again by itself",
    meaning: "Redis was started and reads its files.",
  },
  redis_rejected: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write to Redis {url}: it rejects that ({reason})",
    wayOut:
      "see that nothing else uses keys of `sinks.redis.prefix`, that its disk takes writes, and that it is Redis 6.2 or later and no cluster",
    meaning: "Redis answers, and does not carry out what central wants.",
  },
  redis_emptied: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot go on writing to Redis {url}: what was written there is gone",
    wayOut:
      "nothing: central writes its windows again from its history; see that nobody flushes this database",
    meaning:
      "Redis was emptied, or put back to an earlier state, while central wrote to it; or an index lost windows that are there.",
  },
  kafka_sink: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write to topic {topic} of {brokers}: {reason}",
    wayOut:
      "check that the brokers run, and `sinks.kafka`; docs/operations.md says which rights are needed. What waits is written then",
    meaning: "A Kafka sink's brokers are away, or do not take its records.",
  },
  sink_file: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write file {path}: {reason}",
    wayOut:
      "check that `sinks.file.folder` is there and that this user may write in it; what waits is written then",
    meaning: "A file sink's folder or file cannot be written.",
  },
  sink_disk_full: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot write file {path}: the disk is full",
    wayOut: "free disk space, or let `sinks.file.rotate` keep less; what waits is written then",
    meaning: "A file sink's disk is full. What was written of a line is taken back.",
  },
  sink_webhook: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot post alarms to {place}: {reason}",
    wayOut:
      "check that the receiver runs, and `sinks.webhook`; of each alarm the latest is posted when it answers",
    meaning: "A webhook's receiver is away, or does not take alarms now.",
  },
  sink_fenced: {
    domain: "user",
    retry: "later",
    exitCode: 1,
    message: "cannot write to {url}: a later central (generation {generation}) writes there",
    wayOut:
      "stop one of the two, or give each its own `prefix`; where there is only this one and its clock was wrong, delete all keys of the prefix: they are written again",
    meaning: "Another central, or a later start of this one, has claimed the sink's place.",
  },
  pipeline_too_large: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message:
      "cannot push the pipeline: it, or what is left of it once packed, has more than {bytesMax} bytes",
    wayOut: "put it on the gateways as a file and reload there",
    meaning: "Central sends agents a pipeline in one message, which bounds it.",
  },
  file_unreadable: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot read file {path}: {reason}",
    wayOut: "check the path and its permissions",
    meaning: "An input file of a command does not exist, cannot be read, or is not what the command takes.",
  },
  file_unwritable: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot write file {path}: {reason}",
    wayOut: "choose another path; an existing file is never overwritten unasked",
    meaning: "An output file of a command cannot be written, or exists already.",
  },
  truth_of_another_run: {
    domain: "user",
    retry: "never",
    exitCode: 2,
    message: "cannot write the truth {path}: {reason}",
    wayOut: "name another file with --truth, or remove this one; nothing was written into it",
    meaning:
      "The simulator goes on with a truth that is there, by the same plan and seed. This one is of another plan or another seed, or it is none: a mixture could neither be made again nor judge anybody.",
  },
  truth_empty: {
    domain: "user",
    retry: "never",
    exitCode: 1,
    message: "cannot use the truth {path}: no run begins in it",
    wayOut: "name the file that `millrace-sim run` wrote with --truth",
    meaning:
      "The file is empty, or it is not a simulator's truth: there is nothing to compare with, or to make again.",
  },
  service_unreachable: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot ask {url}: {reason}",
    wayOut:
      "check that the program runs, and that `http` in its configuration names this address; where that was changed, one that runs listens on the former address until it is restarted",
    meaning: "A command such as `status` found nobody at the program's address.",
  },
  service_refused: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message: "cannot use {url}: it answered {status}: {reason}",
    wayOut:
      "the program runs, and this is its answer: do what it says, or try again where it says so; its log may say more",
    meaning:
      "A command such as `status` was not given what it asked for: too many requests wait (429), the program is not ready (503), or it does not know who asks (401).",
  },
  stop_undurable: {
    domain: "external",
    retry: "later",
    exitCode: 1,
    message:
      "cannot stop in order: the store takes no writes ({reason}); {readings} readings and what rules made of them are not on disk",
    wayOut:
      "free disk space or replace the disk, and start again; QoS 1 sensors got no acknowledgement for them and send them again, others do not",
    meaning:
      "The agent was stopped while its store failed. It tries a few seconds more and then ends without what is not durable.",
  },
  stop_timeout: {
    domain: "internal",
    retry: "never",
    exitCode: 1,
    message: "cannot stop {step}: it did not end within {limitMs} ms",
    wayOut: "nothing acknowledged is lost; report it with the log if it happens again",
    meaning: "A step of the orderly stop took longer than its limit and was left behind.",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERROR_TABLE;

export interface ErrorRow {
  /** Who can change it: the person who configured, this program, or the world around it. */
  readonly domain: "user" | "internal" | "external";
  /** Whether the same attempt may succeed later without a person. */
  readonly retry: "never" | "later";
  /** 1: failure, 2: wrong use or configuration. */
  readonly exitCode: 1 | 2;
  readonly message: string;
  readonly wayOut: string;
  readonly meaning: string;
}
