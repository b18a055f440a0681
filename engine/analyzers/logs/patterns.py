"""What programs say when they fail, in the common shapes of Go, Java, Python, Node, nginx, PostgreSQL, MySQL, Redis and shells.

A pattern's `weight` says how much its line explains: 90 names the fault itself, 60 points to another object (a host that refuses),
30 only says that something is wrong.
"""

# ruff: noqa: E501 - a pattern stands on one line, so that the table can be read and compared

from __future__ import annotations

import re
from dataclasses import dataclass

HOST = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?)"
PATH = r"(?P<path>/[^\s'\"`,;:()\]\[]+)"
FILE = r"(?P<path>[^\s'\"`,;:()\]\[]*[/.][^\s'\"`,;:()\]\[]+)"
ENV = r"(?P<name>[A-Z][A-Z0-9_]{2,})"
Q = r"['\"`‘“]"


_NO_FILE = (
    "no such file",
    "enoent",
    "notfound",
    "nosuchfile",
    "not found",
    "does not exist",
    "cannot",
    "can't",
    "can’t",
    "could not",
    "unable to",
    "failed to",
)
_NO_NAME = (
    "no such host",
    "resol",
    "known",
    "enotfound",
    "unknownhost",
    "unknown host",
    "bad address",
    "translate host",
    "in upstream",
    "getaddrinfo",
    "eai_",
    "nxdomain",
    "lookup ",
    "address associated",
    "nodename",
    "unknown mysql",
    "host not found",
)
GATES: dict[str, tuple[str, ...]] = {
    "MissingFile": _NO_FILE,
    "NameNotResolved": _NO_NAME,
    "DnsFailing": _NO_NAME,
    "Forbidden": ("forbidden",),
    "PermissionDenied": ("permission", "eacces", "permitted", "eperm", "access", "ownership"),
    "ReadOnlyFileSystem": ("read-only", "readonly", "erofs", "read only"),
    "DiskFull": ("space", "enospc", "quota exceeded", "disk full", "disk is full"),
    "PathIsDirectory": ("directory", "eisdir"),
    "MissingCommand": ("not found",),
    "PrivilegedPort": ("denied", "eacces"),
    "PortInUse": ("in use", "eaddrinuse", "already", "one usage"),
    "ConnectionTimeout": ("time", "deadline"),
    "TooManyConnections": ("connection", "clients", "pool", "timeout"),
    "MissingTable": ("exist", "table", "column"),
    "LockHeld": ("lock", "instance", "another"),
    "MigrationFailed": ("migration", "flyway", "liquibase", "alembic", "schema"),
    "LicenseInvalid": ("licen",),
    "Waiting": ("wait", "available", "ready"),
    "InvalidConfigurationFile": (
        "yaml",
        "json",
        "toml",
        "xml",
        "config",
        "emerg",
        "directive",
        "[alert]",
        "settings",
        "properties",
        ".conf",
        "flow",
        "block",
        "mapping",
        "unknown variable",
        "syntax error in file",
        "unmarshal",
        "invalid character",
    ),
    "HeapExhausted": ("memory", "heap", "bad_alloc", "enomem"),
    "CertificateExpired": ("certificate", "cert_has", "notafter"),
    "CertificateUntrusted": ("certificate", "pkix", "self_signed", "self-signed", "self signed", "unable_to", "unknown ca"),
    "MissingInterpreter": ("interpreter", "user process"),
}
"""Words (in lower case) of which a line must hold one before a code's patterns are tried: most lines are passed over cheaply."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to say a fault: `say` is a sentence over the regular expression's named groups."""

    code: str
    regex: re.Pattern[str]
    say: str
    weight: int = 90
    docs: tuple[str, ...] = ()
    gate: tuple[str, ...] = ()


def _p(code: str, regex: str, say: str, weight: int = 90, *docs: str) -> Pattern:
    return Pattern(code, re.compile(regex, re.IGNORECASE), say, weight, docs, GATES.get(code, ()))


def _c(code: str, regex: str, say: str, weight: int = 90, *docs: str) -> Pattern:
    """A pattern that minds upper and lower case."""
    return Pattern(code, re.compile(regex), say, weight, docs, GATES.get(code, ()))


_MISSING = "required environment variable {name} is not set"

PATTERNS: tuple[Pattern, ...] = (
    # what the program needs and did not get
    _c("MissingEnvironment", rf"(?:[Mm]issing|[Uu]ndefined|[Uu]nset|[Ee]mpty|[Rr]equired?s?)\W[^\n]{{0,60}}?\b(?:env(?:ironment)?\b[^\n]{{0,20}}?(?:variables?|vars?|setting)?|variable|config(?:uration)?(?: key| value)?|setting)\W*(?:named |called )?{Q}?\$?\{{?{ENV}\b", _MISSING, 95, "environment variable"),
    _c("MissingEnvironment", rf"(?:[Ee]nv(?:ironment)?(?: |_|-)?(?:[Vv]ariables?|[Vv]ars?)|ENV|[Vv]ariable|[Ss]etting)\W*{Q}?\$?\{{?{ENV}{Q}?\}}?\W*(?:is |was |are |has |must |does |needs? )?(?:not |never |n't |no )?(?:been )?(?:be )?(?:set|defined|provided|found|present|missing|required|unset|empty|undefined|exist)", _MISSING, 95, "environment variable"),
    _c("MissingEnvironment", rf"\b{ENV}{Q}?\s*(?:environment variable |env var )?(?:is|was|must be|needs to be|has to be|:)\s*(?:not (?:set|defined|provided|specified|configured)|unset|undefined|missing|required|empty|mandatory|set)\b", _MISSING, 95, "environment variable"),
    _c("MissingEnvironment", rf"(?:sh|bash|\S+\.sh|entrypoint\S*)?: (?:line )?\d*:? ?{ENV}: (?:unbound variable|parameter not set|parameter null or not set|is not set|must be set)", _MISSING, 95, "environment variable"),
    _c("MissingEnvironment", rf"KeyError: {Q}{ENV}{Q}", _MISSING, 93, "environment variable"),
    _c("MissingEnvironment", rf"(?:required key|missing (?:required )?(?:value|option|parameter|property)(?: for)?)\W+{Q}?{ENV}{Q}?", _MISSING, 93, "environment variable"),
    _c("MissingEnvironment", rf"^{ENV}(?:: |\s+[-–:]\s*)(?:field required|Field required|is required|missing)", _MISSING, 93, "environment variable"),
    _c("MissingEnvironment", rf"validation errors? for [^\n]*?\b{ENV}\s+(?:Field|field) required", _MISSING, 95, "environment variable"),
    _c("MissingEnvironment", rf"(?:specify|set|provide|export)\s+(?:at least |either |the |a )*{Q}?{ENV}{Q}?.*(?:to a non-empty|environment)", _MISSING, 92, "environment variable"),
    _p("MissingConfiguration", r"could not resolve placeholder '(?P<name>[^']+?)(?::[^']*)?'", "the configuration property {name} has no value", 94, "configuration"),
    _p("MissingConfiguration", r"database is uninitialized and (?:superuser )?password (?:option )?is not specified", "the database image starts for the first time without a password variable (POSTGRES_PASSWORD, MYSQL_ROOT_PASSWORD or their like)", 95, "environment variable"),
    _p("MissingConfiguration", r"required (?:flag|option|argument|config(?:uration)?|property|parameter)s?[^\n]{0,12}?[\"'`(](?P<name>[\w.-]+)", "the required option {name} is missing", 92, "configuration"),
    _p("MissingConfiguration", r"(?:missing|no) required (?:configuration|config|property|setting|key|option)s?\W+(?P<name>[A-Za-z][\w.-]+)", "the required setting {name} is missing", 92, "configuration"),
    # a value that the program rejects
    _p("InvalidConfigurationValue", r"validation errors? for [^\n]*?\b(?P<error>(?P<name>\w{2,60})\s+(?:Input should be|Value error|value is not)[^\n]*?input_value='(?P<value>[^'\n]*)')", "the program rejects the value {value!r} of {name} ({error})", 95, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>ValueError: invalid literal for int\(\) with base \d+: ['\"](?P<value>.*?)['\"])", "the value {value!r} is no integer ({error})", 95, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>could not convert string to float: ['\"]?(?P<value>[^'\"\n]*))", "the value {value!r} is no number ({error})", 95, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>NumberFormatException: (?:For input string: |Cannot parse null string)\"?(?P<value>[^\"\n]*)\"?)", "the value {value!r} is no number ({error})", 95, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>strconv\.(?:Parse\w+|Atoi): parsing \\?\"(?P<value>[^\"\\]*)\\?\": (?:invalid syntax|value out of range))", "the value {value!r} cannot be parsed ({error})", 95, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>time: (?:invalid|unknown unit|missing unit)[^\n]{0,40}?duration \\?\"?(?P<value>[^\"\\\s]+)\\?\"?)", "the value {value!r} is no duration ({error})", 95, "configuration value"),
    _p("InvalidConfigurationValue", r"failed to (?:convert|bind)[^\n]*value (?:of type [\w.\[\]<>]+ )?['\"\[](?P<value>[^'\"\]]+)['\"\]]", "the value {value!r} cannot be converted", 93, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>(?:parse|invalid) (?!memory)[^\n]{0,40}(?:url|uri|dsn|connection string|port|address)[^\n]{0,30}?[\"'`](?P<value>[^\"'`\n]+)[\"'`][^\n]{0,60})", "the address {value!r} is malformed ({error})", 91, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>(?:invalid|illegal|unsupported|unknown|unrecognized|unexpected|bad) (?:value|argument|setting|log ?level|mode|option value|parameter value|choice|enum value|type)[^\n\"'`]{0,60}[\"'`](?P<value>[^\"'`\n]*)[\"'`](?:[^\n]{0,80})?)", "the program rejects the value {value!r} ({error})", 93, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>[\"'`](?P<value>[^\"'`\n]{1,80})[\"'`] is (?:not (?:a )?(?:valid|one of|recognized|supported|allowed)|invalid)[^\n]{0,80})", "the program rejects the value {value!r} ({error})", 91, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>(?P<name>[A-Za-z][\w.-]{2,40})\W{1,3}(?:must be|should be|has to be) (?:an? |one of |between |greater |less |positive |at )[^\n]{2,100})", "the program rejects the value of {name} ({error})", 90, "configuration value"),
    _p("InvalidConfigurationValue", r"(?P<error>invalid (?:port|timeout|duration|size|memory(?! address)|interval|cron|schedule|regex|pattern|number|integer|boolean|date|timezone|time zone)\b[^\n]{0,20}[\s:=\"'`]+(?P<value>[^\s\"'`,;)]+)[^\n]{0,40})", "the program rejects the value {value!r} ({error})", 90, "configuration value"),
    _p("InvalidConfigurationFile", r"(?P<error>(?<![.\w])yaml: (?:line \d+: )?[^\n]+|YAMLException[^\n]*|yaml\.(?:scanner|parser)\.\w+Error[^\n]*|while (?:parsing|scanning) a (?:block|flow) \w+[^\n]*|mapping values are not allowed[^\n]*|error (?:parsing|unmarshal\w*|reading) yaml[^\n]*)", "a configuration file is not valid YAML ({error})", 92, "configuration file"),
    _p("InvalidConfigurationFile", r"(?P<error>(?:json: cannot unmarshal|invalid character '.' (?:looking|after|in)|JSONDecodeError|SyntaxError: (?:Unexpected token|Expected)[^\n]*JSON|JsonParseException|JsonMappingException|Unexpected end of JSON input|unexpected end of json)[^\n]*)", "a configuration file or value is not valid JSON ({error})", 91, "configuration file"),
    _p("InvalidConfigurationFile", r"(?P<error>(?:toml: |TomlDecodeError|tomllib\.|TOMLDecodeError|xml parse error|SAXParseException|error parsing (?:config|configuration|toml|ini|properties))[^\n]*)", "a configuration file cannot be parsed ({error})", 91, "configuration file"),
    _p("InvalidConfigurationFile", r"\[emerg\][^\n]*?(?P<error>(?:unknown directive|unexpected|invalid (?:number of arguments|parameter|value|port)|directive|duplicate|no \"|\"[^\"]+\" directive)[^\n]* in (?P<path>/[^\s:]+):(?P<line>\d+))", "nginx refuses its configuration {path} at line {line} ({error})", 95, "configuration file", "nginx"),
    _p("InvalidConfigurationFile", r"(?P<error>FATAL CONFIG FILE ERROR[^\n]*|Bad directive or wrong number of arguments[^\n]*|unrecognized configuration parameter \"[^\"]+\"[^\n]*|syntax error in file \"[^\"]+\"[^\n]*|configuration file \"[^\"]+\" contains errors|\[ALERT\][^\n]*(?:parsing|config)[^\n]*|unknown variable '[^']+')", "the server refuses its configuration ({error})", 93, "configuration file"),
    _p("InvalidConfigurationFile", r"(?P<error>(?:error|failed|failure|unable|cannot|could not|can't)[^\n]{0,30}(?:parse|parsing|unmarshal|decode|decoding|validate|validating)\w*[^\n]{0,30}(?:config|configuration|settings|properties|\.ya?ml|\.json|\.toml|\.conf)[^\n]*)", "a configuration file cannot be parsed ({error})", 90, "configuration file"),
    _p("UnknownOption", r"(?P<error>(?:unknown (?:shorthand )?flag|flag provided but not defined|unrecognized (?:option|arguments?)|unknown (?:option|argument|command(?: line flag)?|subcommand)|invalid option|illegal option|unknown command-line flag|no such (?:option|command)|unexpected argument|Error: Unknown argument)s?[\s:'\"`]+(?P<value>[^\s'\"`]+)[^\n]{0,60})", "the program does not know the argument {value} ({error})", 94, "container arguments"),
    _p("UnknownOption", r"(?P<error>(?:Unrecognized VM option|Invalid (?:initial|maximum) heap size|Could not create the Java Virtual Machine)[^\n]*)", "the JVM refuses its options ({error})", 94, "container arguments", "JVM"),
    # memory
    _p("HeapExhausted", r"(?P<error>java\.lang\.OutOfMemoryError: (?P<what>[^\n]{3,60}))", "the JVM runs out of memory ({error})", 96, "JVM heap", "out of memory"),
    _p("HeapExhausted", r"(?P<error>(?:FATAL ERROR: )?[^\n]{0,60}(?:JavaScript heap out of memory|Allocation failed - JavaScript heap)[^\n]{0,30})", "Node.js reaches its heap limit ({error})", 96, "node heap", "out of memory"),
    _p("HeapExhausted", r"(?P<error>fatal error: runtime: (?:out of memory|cannot allocate memory)|(?<![\w.])MemoryError\b[^\n]{0,60}|std::bad_alloc|(?:Cannot allocate memory|ENOMEM)[^\n]{0,60}|Allowed memory size of \d+ bytes exhausted)", "the program cannot get more memory ({error})", 92, "out of memory"),
    _c("RedisOutOfMemory", r"(?P<error>OOM command not allowed when used memory > 'maxmemory'\.?)", "Redis has reached its maxmemory and refuses writes ({error})", 94, "redis maxmemory"),
    _c("RedisRefusesWrites", r"(?P<error>(?:MISCONF Redis is configured to save RDB|READONLY You can't write against a read only|CLUSTERDOWN|LOADING Redis is loading|MASTERDOWN)[^\n]{0,120})", "Redis refuses commands ({error})", 90, "redis"),
    _p("ReadOnlyDatabase", r"(?P<error>(?:cannot execute [A-Z ]{3,30} in a read-only transaction|running with the --(?:super-)?read-only option|attempt to write a readonly database|cannot execute [A-Z ]{3,30} during recovery|not ?(?:master|primary)(?: and slaveOk=false|; | node is recovering)|NotWritablePrimary)[^\n]{0,100})", "it writes to a database that is read-only, as a replica is ({error})", 92, "read replica"),
    _p("AdvertisedListener", r"(?P<error>Connection to node -?\d+ \((?P<host>localhost|127\.0\.0\.1)[^)\n]*\) could not be established[^\n]{0,60})", "the Kafka broker answers with an address that only it can reach: its advertised listener names {host} ({error})", 92, "kafka listener"),
    _p("VaultSealed", r"(?P<error>Vault is sealed[^\n]{0,60})", "its Vault is sealed and gives no secrets ({error})", 92, "vault"),
    _p("StorageWatermark", r"(?P<error>(?:flood stage disk watermark|disk usage exceeded flood-stage|mvcc: database space exceeded|vm_memory_high_watermark|resource alarm)[^\n]{0,120})", "the server has run out of space or memory and refuses writes ({error})", 92, "disk full"),
    _p("IncompatibleData", r"(?P<error>(?:InconsistentClusterIdException|--initialize specified but the data directory has files in it|unsupported (?:redo log|data) format|Upgrade after a crash is not supported|found an unsupported|Can't handle RDB format version)[^\n]{0,140})", "the data on the volume does not fit this program ({error})", 92, "data directory"),
    # permission and files
    _p("ReadOnlyFileSystem", rf"(?P<error>(?:EROFS|read-only file ?system)[^\n]{{0,40}}?{PATH})", "it writes to {path}, but the file system there is read-only", 95, "readOnlyRootFilesystem"),
    _p("ReadOnlyFileSystem", rf"{PATH}['\"]?[:\s)\]]+(?:\[?Errno 30\]? ?)?(?P<error>read-only file ?system)", "it writes to {path}, but the file system there is read-only", 95, "readOnlyRootFilesystem"),
    _p("ReadOnlyFileSystem", r"(?P<error>read-only file ?system|EROFS)", "it writes to a read-only file system", 92, "readOnlyRootFilesystem"),
    _p("DiskFull", rf"(?P<error>(?:no space left on device|ENOSPC|disk quota exceeded|database or disk is full|not enough (?:disk )?space|disk full|insufficient disk space)[^\n]{{0,40}}?{PATH}?)", "the disk is full ({error})", 94, "disk full"),
    _p("DiskFull", rf"(?<![\w.-]){PATH}['\"]?[:\s)\]]+(?:\[?Errno 28\]? ?)?(?P<error>no space left on device|disk quota exceeded)", "the disk under {path} is full ({error})", 95, "disk full"),
    _p("DiskFull", r"(?P<error>could not (?:extend|write (?:to )?)[^\n]{0,10}file[^\n]{0,60}no space left on device|No space left on device)", "the disk is full ({error})", 94, "disk full"),
    _p("FileWatchLimit", r"(?P<error>(?:too many open files|EMFILE|ENFILE|System limit for number of file watchers reached|inotify_init1?: [^\n]+|inotify instances|user limit on the total number of inotify)[^\n]{0,60})", "a limit on open files or inotify watches is reached ({error})", 90, "ulimit"),
    _p("PrivilegedPort", r"(?P<error>(?:listen|bind)[^\n]{0,40}?[:\s](?P<port>\d{1,3})\b(?![.\d])[^\n]{0,30}(?:permission denied|EACCES)|EACCES[^\n]{0,30}(?:0\.0\.0\.0|::):?(?P<port2>\d{1,3})\b)", "it may not listen on a port below 1024 as this user ({error})", 95, "securityContext", "privileged port"),
    _p("PermissionDenied", rf"(?P<error>(?:permission denied|EACCES|operation not permitted|EPERM|access denied)[^\n]{{0,40}}?{PATH})", "it may not access {path} ({error})", 93, "permission denied", "securityContext fsGroup"),
    _p("PermissionDenied", rf"{PATH}['\"]?[:\s)\]]+(?P<error>(?:\[?Errno 13\]? ?)?(?:permission denied|operation not permitted|access is denied))", "it may not access {path} ({error})", 93, "permission denied", "securityContext fsGroup"),
    _p("PermissionDenied", r"(?P<error>(?:data directory|directory) \"(?P<path>[^\"]+)\" has (?:invalid permissions|wrong ownership|group or world access))", "PostgreSQL refuses its data directory {path} ({error})", 95, "permission denied", "fsGroup"),
    _p("PathIsDirectory", rf"{PATH}['\"]?[:\s)\]]+(?P<error>is a directory)", "{path} is a directory where the program expects a file", 94, "subPath"),
    _p("PathIsDirectory", rf"(?P<error>(?:IsADirectoryError|EISDIR)[^\n]*?{PATH})", "{path} is a directory where the program expects a file", 94, "subPath"),
    _p("SharedMemoryTooSmall", r"(?P<error>could not resize shared memory segment[^\n]*|could not map anonymous shared memory[^\n]*)", "the shared memory at /dev/shm is too small ({error})", 97, "shared memory"),
    _p("DataDirectoryNotEmpty", r"(?P<error>initdb: error: directory \"(?P<path>[^\"]+)\" exists but is not empty)", "initdb refuses the volume's root {path}, which is not empty (lost+found); PGDATA has to be a folder below it", 95, "postgres volume"),
    _p("IncompatibleData", r"(?P<error>(?:The data directory )?was initialized by PostgreSQL version[^\n]*)", "the data on the volume was written by another version of the database ({error})", 97, "database upgrade"),
    _p("IncompatibleData", r"(?P<error>database files are incompatible with server|data directory was initialized by[^\n]*)", "the data on the volume was written by another version of the database ({error})", 95, "database upgrade"),
    _p("RunsAsRoot", r"(?P<error>(?:(?:cannot|must not|should not|refus\w+ to|don't|do not) (?:be )?run(?:ning)? as root|can not run elasticsearch as root|\"root\" execution of the PostgreSQL server is not permitted)[^\n]{0,80})", "the program refuses to run as root ({error})", 95, "securityContext runAsUser"),
    _p("KernelSetting", r"(?P<error>max virtual memory areas vm\.max_map_count \[\d+\] is too low[^\n]*)", "the node's vm.max_map_count is too low ({error})", 95, "sysctl"),
    _p("MissingCommand", r"(?:^|\s)(?:/bin/)?(?:ba|da|a|z|k)?sh: (?:line )?\d*:? ?(?P<cmd>[^\s:]+): (?P<error>(?:command )?not found)", "the shell does not find the command {cmd}", 94, "container command"),
    _p("MissingCommand", r"(?:^|\n)[^\n]{0,80}?: (?:line \d+: )?(?P<cmd>[\w./-]+): (?P<error>command not found)", "the shell does not find the command {cmd}", 94, "container command"),
    _p("MissingInterpreter", r"(?P<error>[^\n]*bad interpreter[^\n]*|exec user process caused[^\n]*no such file or directory)", "the interpreter of its start script does not exist in the image, often because of Windows line ends ({error})", 94, "container command"),
    _p("ShellSyntax", r"(?P<error>(?:sh|bash|ash|dash|\S+\.sh): (?:line )?\d*:? ?(?:syntax error|unexpected|unterminated)[^\n]*)", "the shell script has a syntax error ({error})", 94, "container command"),
    _p("ExecFormat", r"(?P<error>exec (?:format error|user process caused[^\n]*format error)|(?:exec )?(?P<path>/[^\s:]+): exec format error|cannot execute binary file)", "the image's binary is built for another CPU architecture than the node's (exec format error)", 96, "exec format error", "multi-arch image"),
    _p("MissingFile", r"cannot load certificate(?: key)? \"(?P<path>[^\"]+)\"[^\n]*no such file", "the file {path} does not exist", 95, "missing file", "TLS secret"),
    _p("MissingFile", r"(?P<error>can(?:'|no)t open (?:file )?['\"]?(?P<path>/?[\w./-]+)['\"]?:?[^\n]{0,20}no such file(?: or directory)?)", "the file {path} does not exist", 92, "missing file"),
    _p("MissingFile", rf"(?:no such file or directory|ENOENT|FileNotFoundError|NoSuchFileException|file not found|does not exist)[^\n]{{0,40}}?['\"`: ]{PATH}", "the file {path} does not exist", 92, "missing file"),
    _p("MissingFile", rf"{PATH}['\"`]?(?: failed)?[\s:)(]+(?:\(?(?:2: )?no such file or directory|does not exist|not found|file not found)", "the file {path} does not exist", 92, "missing file"),
    _p("MissingFile", rf"(?:cannot|can't|could not|unable to|failed to) (?:open|load|read|find|stat|locate|access) (?:the )?(?:\w+ ){{0,4}}?(?:file |at |from )?['\"`]?{PATH}", "the file {path} cannot be read", 88, "missing file"),
    _p("MissingModule", r"(?P<error>(?:ModuleNotFoundError|ImportError): [^\n]*?['\"](?P<name>[\w.]+)['\"][^\n]*|Cannot find module ['\"](?P<name2>[^'\"]+)['\"]|(?:ClassNotFoundException|NoClassDefFoundError)[: ]+(?P<name3>[\w./$]+)|Could not find or load main class (?P<name4>\S+)|Unable to access jarfile (?P<name5>\S+)|error while loading shared libraries: (?P<name6>[\w.+-]+)|version `GLIBC_[\d.]+' not found|UnsupportedClassVersionError[^\n]*)", "the image lacks something that the program loads ({error})", 94, "image content"),
    # ports and locks
    _p("PortInUse", r"(?P<error>(?:address already in use|EADDRINUSE|Only one usage of each socket address)[^\n]{0,40}?(?:[:\s](?P<port>\d{2,5})\b)?)", "its port is already in use ({error})", 93, "port in use"),
    _p("PortInUse", r"(?P<error>(?:listen|bind)[^\n]{0,60}?[:\s](?P<port>\d{2,5})\b[^\n]{0,40}(?:address (?:already )?in use|EADDRINUSE))", "port {port} is already in use in the pod", 95, "port in use"),
    _p("PortInUse", r"(?P<error>port (?P<port>\d{2,5}) (?:was |is )?already (?:in use|allocated|bound|taken))", "port {port} is already in use in the pod", 95, "port in use"),
    _p("DirtyMigration", r"(?P<error>dirty database version (?P<version>\d+)[^\n]*)", "the schema migration {version} stopped half-way and left the database dirty ({error})", 96, "database migration", "dirty"),
    _p("MigrationFailed", r"(?P<error>(?:migration|flyway|liquibase|alembic|schema)[^\n]{0,60}(?:failed|checksum mismatch|error|cannot be applied|can't locate revision|validate failed)[^\n]{0,120})", "a database migration fails ({error})", 86, "database migration"),
    _p("LockHeld", r"(?P<error>(?:could not acquire (?:change log )?lock|waiting for changelog lock|can(?:not|'t) acquire[^\n]{0,20}lock|lock(?: file)? [^\n]{0,60}already (?:exists|held|locked)|database is locked|is already locked by|lock wait timeout exceeded|canceling statement due to lock timeout|deadlock (?:detected|found)|could not obtain lock|failed to (?:obtain|acquire|get)[^\n]{0,20}lock|another (?:\w+ )?instance|is another (?:postmaster|process|instance)[^\n]{0,40}running)[^\n]{0,120})", "a lock is held by somebody else ({error})", 90, "lock"),
    _p("LeaseLost", r"(?P<error>(?:leader ?election lost|failed to renew lease|lost (?:the )?lease|lost leadership)[^\n]{0,100})", "it lost its leader lease ({error})", 80, "leader election"),
    # authentication and authorisation
    _c("AuthenticationFailed", r"(?P<error>NOAUTH[^\n]{0,60}|WRONGPASS[^\n]{0,80}|ERR AUTH[^\n]{0,60}|NOPERM[^\n]{0,80}|ERR invalid password)", "Redis refuses it: {error} — the client sends no password or a wrong one", 95, "redis authentication"),
    _p("AuthenticationFailed", r"(?P<error>password authentication failed for user \\?\"?(?P<user>[^\"\\\s]+)\\?\"?|no password supplied|fe_sendauth: no password[^\n]{0,20})", "the database refuses the login ({error})", 95, "database authentication"),
    _p("AuthenticationFailed", r"(?P<error>access denied for user '?(?P<user>[^'@\s]+)'?@[^\n]{0,60})", "the database refuses the login ({error})", 95, "database authentication"),
    _p("AuthenticationFailed", r"(?P<error>role \\?\"(?P<user>[^\"\\]+)\\?\" does not exist|no pg_hba\.conf entry for[^\n]{0,100}|SASL authentication (?:failed|exception)[^\n]{0,60}|SaslAuthenticationException[^\n]{0,80}|SCRAM[^\n]{0,30}(?:failed|error)[^\n]{0,40}|MongoServerError: Authentication failed|ACCESS_REFUSED[^\n]{0,80})", "the server refuses the login ({error})", 94, "authentication"),
    _p("AuthenticationFailed", r"(?P<error>(?:InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidClientTokenId|NoCredentialProviders|Unable to locate credentials|could not find default credentials|invalid_grant|invalid_client|token (?:is |has )?expired|jwt expired|(?:invalid|bad|expired|wrong|incorrect) (?:credentials?|api[ _-]?key|password|token|access token)|authentication (?:failed|required|error)|auth(?:entication)? failed|login failed|not authenticated|incorrect (?:username|password)|401 unauthorized|status(?: ?code)?[:= ]+401\b|unauthorized: )[^\n]{0,100})", "its credentials are refused ({error})", 90, "authentication"),
    _p("AuthorizationFailed", r"(?P<error>(?:permission denied for (?:table|schema|relation|database|sequence) \S+|must be owner of|AccessDenied(?:Exception)?|is not authorized to perform|403 forbidden|status(?: ?code)?[:= ]+403\b|insufficient[_ ](?:scope|permissions?|privileges?)|not authorized to access)[^\n]{0,100})", "it is not allowed to do what it tries ({error})", 86, "authorization"),
    _p("MissingDatabase", r"(?P<error>database \\?\"(?P<name>[^\"\\]+)\\?\" does not exist|Unknown database '(?P<name2>[^']+)')", "the database does not exist ({error})", 95, "database"),
    _p("MissingTable", r"(?P<error>relation \\?\"(?P<name>[^\"\\]+)\\?\" does not exist|no such table: (?P<name2>\S+)|Table '(?P<name3>[^']+)' doesn't exist|column \\?\"?[\w.]+\\?\"? does not exist|Unknown column '[^']+')", "the database schema lacks what the program asks for ({error})", 92, "database migration"),
    _p("TooManyConnections", r"(?P<error>too many clients already|remaining connection slots are reserved[^\n]*|too many connections[^\n]{0,60}|max number of clients reached|User \S+ has exceeded the 'max_user_connections'[^\n]*|(?:connection )?pool (?:is )?(?:exhausted|timed out|full)[^\n]{0,80}|(?:\w+Pool[\w-]* - )?Connection is not available, request timed out after[^\n]{0,40}|QueuePool limit of size[^\n]{0,100}|timeout exceeded when trying to connect|Timeout acquiring a connection)", "the database has no connection left for it ({error})", 92, "connection pool"),
    _p("AuthenticationFailed", r"(?P<error>code = Unauthenticated[^\n]{0,120})", "its credentials are refused ({error})", 90, "authentication"),
    _p("AuthorizationFailed", r"(?P<error>code = PermissionDenied[^\n]{0,120})", "it is not allowed to do what it tries ({error})", 86, "authorization"),
    _p("PermissionDenied", r"(?P<error>[^\n]{0,100}(?:operation not permitted|permission denied|EPERM|EACCES)(?! for)[^\n]{0,60})", "the kernel refuses what it tries ({error})", 80, "securityContext", "capabilities"),
    _p("LicenseInvalid", r"(?P<error>[^\n]{0,40}(?:licen[cs]e[^\n]{0,30}(?:expired|invalid|missing|not found|required)|(?:expired|invalid|missing|no valid) licen[cs]e)[^\n]{0,80})", "its licence is refused ({error})", 88, "license"),
    # TLS
    _p("CertificateExpired", r"(?P<error>(?:x509: )?certificate (?:has|is) expired(?: or is not yet valid)?[^\n]{0,100}|CERT_HAS_EXPIRED|certificate has expired|CertificateExpiredException[^\n]{0,80}|NotAfter: [^\n]{0,60})", "a TLS certificate has expired ({error})", 95, "certificate expired"),
    _p("CertificateUntrusted", r"(?P<error>x509: certificate signed by unknown authority[^\n]{0,60}|PKIX path building failed[^\n]{0,80}|unable to find valid certification path[^\n]{0,40}|self[- ]signed certificate[^\n]{0,60}|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT\w*)|unable to get local issuer certificate[^\n]{0,40}|certificate verify failed[^\n]{0,80}|unknown ca\b)", "the TLS certificate of the peer is signed by an authority that the client does not trust ({error})", 94, "certificate authority"),
    _p("CertificateNameMismatch", r"(?P<error>x509: certificate is (?:valid for|not valid for any names)[^\n]{0,120}|x509: cannot validate certificate for[^\n]{0,80}|ERR_TLS_CERT_ALTNAME_INVALID[^\n]{0,80}|Hostname/IP does not match certificate's altnames[^\n]{0,80}|No subject alternative (?:DNS )?names? [^\n]{0,80}|hostname '[^']+' doesn't match[^\n]{0,60})", "the TLS certificate of the peer is for another name ({error})", 94, "certificate name"),
    _p("TlsMismatch", r"(?P<error>server gave HTTP response to HTTPS client|(?:first record does not look like a TLS handshake)|WRONG_VERSION_NUMBER|wrong version number|client sent an HTTP request to an HTTPS server|The plain HTTP request was sent to HTTPS port|(?:packet length too long|unsupported or unrecognized SSL message|SSL is not enabled on the server|server does not support SSL)[^\n]{0,40})", "one side speaks TLS and the other does not ({error})", 92, "TLS"),
    _p("CertificateInvalid", r"(?P<error>tls: private key does not match public key|key values mismatch|failed to find any PEM data[^\n]{0,60}|PEM_read_bio[^\n]{0,80}|(?:cannot load certificate(?: key)?|unable to load (?:certificate|private key))[^\n]{0,120}|tls: failed to (?:parse|find)[^\n]{0,60})", "the TLS certificate or key cannot be used ({error})", 93, "TLS secret"),
    _p("TlsFailed", r"(?P<error>(?:tls: (?:handshake failure|bad certificate|protocol version not supported|[^\n]{0,40}failed)|SSLHandshakeException|SSL_ERROR_\w+|ssl handshake (?:error|failure)|TLS handshake (?:timeout|error))[^\n]{0,100})", "the TLS handshake fails ({error})", 82, "TLS"),
    # names and connections
    _p("NameNotResolved", rf"(?P<error>lookup {HOST}(?: on (?P<server>[\d.:a-f\[\]]+))?: no such host)", "the host name {host} does not resolve in DNS ({error})", 80, "DNS name"),
    _p("DnsFailing", rf"(?P<error>lookup {HOST}(?: on (?P<server>[\d.:a-f\[\]]+))?: [^\n]{{0,80}}(?:i/o timeout|connection refused|server misbehaving|network is unreachable|operation not permitted)[^\n]{{0,40}})", "DNS does not answer for {host} ({error})", 84, "DNS", "CoreDNS"),
    _p("DnsFailing", rf"(?P<error>(?:EAI_AGAIN,?\s*{HOST}|{HOST.replace('host', 'host2')}: (?:Temporary failure in name resolution|Try again)|(?:Temporary failure in name resolution|EAI_AGAIN)[^\n]{{0,60}}))", "DNS does not answer ({error})", 80, "DNS", "CoreDNS"),
    _p("NameNotResolved", rf"(?P<error>(?:ENOTFOUND|UnknownHostException:?|unknown host|bad address|Could not resolve host:?|could not translate host name|host not found in upstream|getaddrinfo:? failed for|Unknown MySQL server host|unable to resolve(?: host(?: address)?)?|nodename nor servname provided[^\n]{{0,20}}|no address associated with hostname:?|NXDOMAIN:?(?: looking up [A-Z]+ for)?|failed to resolve(?: host)?)\s*['\"`:]?\s*{Q}?{HOST}{Q}?[^\n]{{0,60}})", "the host name {host} does not resolve in DNS ({error})", 80, "DNS name"),
    _p("NameNotResolved", rf"(?P<error>{HOST}{Q}?(?::\d+)?{Q}?\W{{0,4}}(?:\[Errno -?\d+\] )?(?:Name or service not known|Name does not resolve|nodename nor servname provided|no such host|host not found|not known|could not be resolved)[^\n]{{0,40}})", "the host name {host} does not resolve in DNS ({error})", 78, "DNS name"),
    _p("NameNotResolved", r"(?P<error>(?:\[Errno -[25]\] )?(?:Name or service not known|Name does not resolve|No address associated with hostname|getaddrinfo failed|no such host)[^\n]{0,60})", "a host name does not resolve in DNS ({error})", 72, "DNS name"),
    _p("ConnectionRefused", r"(?P<error>connection refused|ECONNREFUSED|actively refused|Connection to \S+ refused|can't connect to (?:local )?\w+ (?:server|through socket)|connect\(\) failed \(111)", "its connection is refused", 60, "connection refused"),
    _p("ConnectionTimeout", r"(?P<error>(?:connect(?:ion)?|dial|read|request|operation|client|socket|gateway|upstream)[^\n]{0,50}(?:timed? ?out|timeout)|ETIMEDOUT|ESOCKETTIMEDOUT|i/o timeout|context deadline exceeded|SocketTimeoutException|ConnectTimeoutException|TimeoutError|upstream timed out|Read timed out|could not connect to server: Connection timed out)[^\n]{0,60}", "its connection times out", 58, "connection timeout", "NetworkPolicy"),
    _p("ConnectionReset", r"(?P<error>connection reset by peer|ECONNRESET|broken pipe|EPIPE|unexpected EOF|server closed the connection unexpectedly|socket hang up|upstream prematurely closed connection)[^\n]{0,60}", "its connection is cut by the peer", 45, "connection reset"),
    _p("NoRoute", r"(?P<error>no route to host|EHOSTUNREACH|network is unreachable|ENETUNREACH|NoRouteToHostException)[^\n]{0,60}", "there is no route to its peer", 60, "no route to host"),
    _p("BrokerUnavailable", r"(?P<error>(?:Broker may not be available|NoBrokersAvailable|[\w.-]*=?(?:LEADER_NOT_AVAILABLE|UNKNOWN_TOPIC_OR_PARTITION)|Kafka: client has run out of available brokers|all brokers down|bootstrap broker)[^\n]{0,100})", "no Kafka broker answers ({error})", 62, "kafka"),
    _p("RateLimited", r"(?P<error>(?:429 too many requests|too many requests|rate limit(?:ed| exceeded)|status(?: ?code)?[:= ]+429\b|throttl(?:ed|ing)exception|Throttling: Rate exceeded|quota exceeded)[^\n]{0,80})", "the other side limits its rate ({error})", 70, "rate limit"),
    _p("UpstreamError", r"(?P<error>no live upstreams[^\n]{0,80}|(?:502 bad gateway|503 service (?:temporarily )?unavailable|504 gateway time-?out|upstream (?:connect error|request timeout)|no healthy upstream)[^\n]{0,80})", "its upstream does not answer ({error})", 40, "upstream"),
    _p("Forbidden", r"(?P<error>(?P<what>[\w.-]+(?:/[\w.-]+)?(?: \"[^\"]*\")?) is forbidden: User \\?\"(?P<user>system:serviceaccount:[^\"\\]+)\\?\" cannot (?P<verb>\w+) resource \\?\"(?P<resource>[\w./-]+)\\?\"[^\n]{0,160})", "its ServiceAccount may not {verb} {resource} ({error})", 96, "RBAC"),
    _p("Waiting", r"(?P<error>(?:still )?waiting (?:for|on|until)\s+(?:the |a )?(?P<what>[^\n]{2,100}))", "it waits for {what}", 50, "init container"),
    _p("Waiting", rf"(?P<error>(?:{Q}?(?P<what>[\w.:/-]+){Q}?) (?:is )?(?:unavailable|not ready|not yet ready|not available)[^\n]{{0,60}}(?:sleep|wait|retry)\w*[^\n]{{0,40}})", "it waits for {what}", 50, "init container"),
    # the program itself
    _p("Panic", r"(?P<error>panic: [^\n]{3,200}|fatal error: (?!runtime: out of memory)[^\n]{3,160}|thread '[^']*' panicked at [^\n]{3,200})", "the program panics ({error})", 84, "panic"),
    _p("SegmentationFault", r"(?P<error>segmentation fault[^\n]{0,60}|SIGSEGV[^\n]{0,80}|core dumped)", "the program crashes with a segmentation fault ({error})", 84, "segmentation fault"),
)  # fmt: skip
