// Package config reads the service's settings, strictly: from flags, else from
// AAA_API_* variables, else the defaults. Everything is checked before anything
// starts. A secret comes as a file or in the environment, never as a flag's value.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"aaa-api/internal/egress"
)

// The settings, by the name of their flag. The variable of data-dir is AAA_API_DATA_DIR, and so on.
const (
	Listen        = "listen"
	AdminListen   = "admin-listen"
	Advertise     = "advertise"
	DataDir       = "data-dir"
	Database      = "database-url"
	KeyFile       = "key-file"
	DictionaryDir = "dictionary-dir"
	LogLevel      = "log-level"
	LogUser       = "log-user"
	Drain         = "drain"
	Connections   = "max-connections"
	Memory        = "memory-limit"
	Unanswered    = "destination-packets"
	HashCost      = "max-hash-cost"
	Networks      = "server-networks"
	ServerPorts   = "server-ports"
	MaxStaleness  = "max-staleness"
	Demo          = "demo"

	Isolation  = "isolation"
	Fronts     = "fronts"
	UserFront  = "user-front"
	UserSecmod = "user-secmod"

	BadCredentials = "bad-credentials"
	TLSCert        = "tls-cert"
	TLSKey         = "tls-key"

	RADIUSAuth    = "radius-auth"
	RADIUSAcct    = "radius-acct"
	RADIUSTLS     = "radius-tls"
	TACACS        = "tacacs"
	TACACSTLS     = "tacacs-tls"
	DeviceTLSCert = "device-tls-cert"
	DeviceTLSKey  = "device-tls-key"
	DeviceTLSCA   = "device-tls-ca"

	UnixPasswordFile     = "unix-password-file"
	UnixPasswordAccounts = "unix-password-accounts"
)

// maxDrain bounds Drain. No balancer takes longer to notice, and a slip of the unit must not keep a node from stopping.
const maxDrain = 5 * time.Minute

// Bounds of MaxStaleness. Below the least one, a database that answers slowly would stop the service.
const (
	minStaleness = time.Second
	maxStaleness = 30 * 24 * time.Hour
)

// maxBadCredentials bounds BadCredentials.
const maxBadCredentials = 1_000_000

// settings lists every setting in the order of the documentation.
var settings = []struct {
	name, value, usage string
}{
	{Listen, "127.0.0.1:8000", "address and port to serve HTTP on; port 0 takes a free one"},
	{AdminListen, "", "address and port of a listener for /metrics, the details of /readyz, and the other nodes; the API's port then serves neither (default: the API's port serves all)"},
	{Advertise, "", "URL at which the other nodes of this database reach this one (default: the address of --admin-listen, else of --listen, where that names a host)"},
	{TLSCert, "", "PEM file of the certificate chain with which the API is served over TLS; read again when it changes"},
	{TLSKey, "", "PEM file of the certificate's private key; with --tls-cert alone"},
	{RADIUSAuth, "", "address and port that takes RADIUS Access-Requests of network devices over UDP, such as :1812 (default: none)"},
	{RADIUSAcct, "", "address and port that takes RADIUS Accounting-Requests of network devices over UDP, such as :1813 (default: none)"},
	{RADIUSTLS, "", "address and port that takes RADIUS of network devices over TLS (RadSec), such as :2083 (default: none)"},
	{TACACS, "", "address and port that takes TACACS+ of network devices, such as :49 (default: none)"},
	{TACACSTLS, "", "address and port that takes TACACS+ of network devices over TLS, such as :300 (default: none)"},
	{DeviceTLSCert, "", "PEM file of the certificate chain that network devices see at --radius-tls and --tacacs-tls; read again when it changes"},
	{DeviceTLSKey, "", "PEM file of that certificate's private key"},
	{DeviceTLSCA, "", "PEM file of the authorities that sign the certificates of network devices; read again when it changes"},
	{DataDir, "./data", "folder of the embedded store, the key file, the first token and the journal of accounting records"},
	{Database, "", "PostgreSQL URL without a password (the variable may hold one, or ?passfile=); default: the embedded store"},
	{KeyFile, "", "file of the key that seals secrets in the store (default DATA-DIR/secret.key, made at the first start)"},
	{DictionaryDir, "", "folder of more system dictionaries, .json or FreeRADIUS text"},
	{LogLevel, "info", "debug, info, warn or error"},
	{LogUser, "false", "name the user in the log line of an AAA request"},
	{Drain, "0s", "how long a node that is told to stop goes on serving while /readyz answers 503, for load balancers to notice; at most 5m"},
	{Connections, "4096", "open connections of clients; more take the place of one that waits for a request, else get a 503; 16 to 1000000"},
	{Memory, "", "memory that the node may use, such as 512MiB; near it large bodies and answers get a 503 (default: GOMEMLIMIT, else the limit of the container, else none)"},
	{Unanswered, "5000", "RADIUS packets a second that go to one address while it does not answer, of all accounts together; 1 to 1000000"},
	{HashCost, "14", "largest cost of a password's hash in users files, as bcrypt counts it (each step doubles the work); the other kinds are bounded alike; 4 to 14"},
	{Networks, "", "networks such as 127.0.0.0/8, separated by commas, beside public and private ones where servers of all accounts may be (default: what each account is granted)"},
	{ServerPorts, "49,88,300,1024-65535", "ports that accounts' servers may have outside the networks granted to them"},
	{MaxStaleness, "10m", "how long a node that can't read its database's changes goes on with what it has in memory; 0 is for ever"},
	{BadCredentials, "20", "how many invalid tokens and API keys a second one address may send before it gets 429 for them, five times as many at once; 0 is no limit"},
	{UnixPasswordFile, "", "file in the form of shadow(5) or htpasswd by which the action UNIX-PW checks passwords; default: it checks none"},
	{UnixPasswordAccounts, "", "ids of the accounts whose state machine tables may use UNIX-PW, separated by commas"},
	{Isolation, isolation(), "process: what parses strangers' input and what holds secrets are processes of their own (Linux alone); none: all is one process"},
	{Fronts, "1", "processes that serve HTTP, 1 to 64; with --isolation=process alone"},
	{UserFront, "", "user, or user:group, that the fronts run as where aaa-api is started as root (default nobody)"},
	{UserSecmod, "", "user, or user:group, that the security module runs as where aaa-api is started as root (default: root)"},
	{Demo, "false", "also run a small RADIUS server and a sample tenant, and print commands to try"},
}

// The values of Isolation.
const (
	IsolationProcess = "process"
	IsolationNone    = "none"
)

// isolation is the default of Isolation.
func isolation() string {
	if runtime.GOOS == "linux" {
		return IsolationProcess
	}
	return IsolationNone
}

// maxFronts bounds Fronts. No machine has a use for more.
const maxFronts = 64

// Config is a complete, checked configuration.
type Config struct {
	Listen        string      // host:port
	AdminListen   string      // host:port; empty: there is no listener of its own
	Advertise     string      // http or https URL with a host and no more; empty: as the listeners say
	DataDir       string      // never empty; need not exist
	DatabaseURL   DatabaseURL // zero: the embedded store
	KeyFile       string      // never empty; need not exist
	DictionaryDir string      // empty or an existing folder
	LogLevel      slog.Level
	LogUser       bool
	Drain         time.Duration // 0 to maxDrain
	MaxStaleness  time.Duration // 0 (for ever), or minStaleness to maxStaleness
	Demo          bool

	ServerNetworks     []netip.Prefix // open to all accounts
	ServerPorts        []egress.Ports // open to all accounts
	DestinationPackets int64          // a second, without an answer, to one address; at least 1
	HashCost           int            // of bcrypt, 4 to 14
	BadCredentials     int            // a second and address, 0 (no limit) to maxBadCredentials
	TLSCert            string         // empty or an existing file
	TLSKey             string         // empty exactly where TLSCert is
	MaxConnections     int64          // at least 16

	RADIUSAuth, RADIUSAcct, RADIUSTLS, TACACS, TACACSTLS string // host:port; empty: there is no such listener

	DeviceTLSCert, DeviceTLSKey, DeviceTLSCA string // all empty, or all existing files
	MemoryLimit                              int64  // octets; 0: as the surroundings say

	Isolation  string // IsolationProcess or IsolationNone
	Fronts     int    // 1 to maxFronts
	UserFront  string // empty: nobody
	UserSecmod string // empty: main's

	UnixPasswordFile     string   // empty or an existing file
	UnixPasswordAccounts []string // account ids; with UnixPasswordFile alone
}

// StorePath is the file of the embedded store.
func (c *Config) StorePath() string { return filepath.Join(c.DataDir, "aaa-api.db") }

// TokenFile is where the first start leaves the administrator's token.
func (c *Config) TokenFile() string { return filepath.Join(c.DataDir, "admin.token") }

// All names every setting: those of `serve`.
func All() []string {
	names := make([]string, len(settings))
	for i, s := range settings {
		names[i] = s.name
	}
	return names
}

// AddFlags gives fs the flags of the settings named.
func AddFlags(fs *pflag.FlagSet, names ...string) {
	for _, s := range settings {
		for _, name := range names {
			switch {
			case s.name != name:
			case name == Demo, name == LogUser:
				fs.Bool(s.name, false, s.usage)
			default:
				fs.String(s.name, s.value, s.usage)
			}
		}
	}
}

// Load reads the settings from the flags that were given, then from environ (as
// os.Environ returns it), then the defaults. An empty variable counts as absent. The
// error names every fault found, by flag or variable.
func Load(fs *pflag.FlagSet, environ []string) (*Config, error) {
	k, err := merge(fs, environ)
	if err != nil {
		return nil, err
	}
	r := reader{k: k, fs: fs}
	r.errs = append(r.errs, unknownVariables(environ)...)
	return r.config()
}

// Values are the settings as texts, by the name of their flag, for Restore in another process. They hold secrets.
func Values(fs *pflag.FlagSet, environ []string) (map[string]string, error) {
	k, err := merge(fs, environ)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(settings))
	for _, s := range settings {
		values[s.name] = k.String(s.name)
	}
	return values, nil
}

// Restore reads the settings from what Values returned.
func Restore(values map[string]string) (*Config, error) {
	k := koanf.New("/")
	all := make(map[string]any, len(values))
	for name, value := range values {
		all[name] = value
	}
	if err := k.Load(confmap.Provider(all, "/"), nil); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	r := reader{k: k, fs: pflag.NewFlagSet("", pflag.ContinueOnError)}
	return r.config()
}

// merge puts together where the settings come from.
func merge(fs *pflag.FlagSet, environ []string) (*koanf.Koanf, error) {
	k := koanf.New("/") // no setting has a slash: keys are never taken apart
	defaults := map[string]any{}
	for _, s := range settings {
		defaults[s.name] = s.value
	}
	fromEnv := env.Provider("/", env.Opt{
		Prefix:      Prefix,
		EnvironFunc: func() []string { return environ },
		TransformFunc: func(variable, value string) (string, any) {
			if name, ok := settingOf(variable); ok && value != "" {
				return name, value
			}
			return "", nil // unknownVariables tells
		},
	})
	if err := errors.Join(
		k.Load(confmap.Provider(defaults, "/"), nil),
		k.Load(fromEnv, nil),
		k.Load(posflag.Provider(fs, "/", k), nil),
	); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return k, nil
}

// config checks all settings.
func (r *reader) config() (*Config, error) {
	k := r.k
	c := &Config{
		Listen:        r.hostPort(Listen),
		AdminListen:   r.hostPort(AdminListen),
		Advertise:     r.advertise(),
		DataDir:       r.dataDir(),
		DatabaseURL:   r.databaseURL(),
		KeyFile:       k.String(KeyFile),
		DictionaryDir: r.folder(DictionaryDir),
		LogLevel:      r.logLevel(),
		LogUser:       r.boolean(LogUser),
		Drain:         r.duration(Drain, maxDrain),
		MaxStaleness:  r.duration(MaxStaleness, maxStaleness),
		Demo:          r.boolean(Demo),

		ServerNetworks: r.networks(), ServerPorts: r.ports(),
		MaxConnections: r.number(Connections, 16, 1_000_000),
		MemoryLimit:    r.octets(Memory),

		DestinationPackets: r.number(Unanswered, 1, 1_000_000),
		HashCost:           int(r.number(HashCost, 4, 14)),
		BadCredentials:     int(r.number(BadCredentials, 0, maxBadCredentials)),

		TLSCert: r.file(TLSCert),
		TLSKey:  r.file(TLSKey),

		RADIUSAuth: r.deviceAddress(RADIUSAuth), RADIUSAcct: r.deviceAddress(RADIUSAcct), RADIUSTLS: r.deviceAddress(RADIUSTLS),
		TACACS: r.deviceAddress(TACACS), TACACSTLS: r.deviceAddress(TACACSTLS),
		DeviceTLSCert: r.file(DeviceTLSCert), DeviceTLSKey: r.file(DeviceTLSKey), DeviceTLSCA: r.file(DeviceTLSCA),

		UnixPasswordFile: r.file(UnixPasswordFile),

		Isolation: r.isolation(), Fronts: int(r.number(Fronts, 1, maxFronts)),
		UserFront: k.String(UserFront), UserSecmod: k.String(UserSecmod),
	}
	r.together(TLSCert, TLSKey)
	r.deviceTLS()
	if c.MaxStaleness > 0 && c.MaxStaleness < minStaleness {
		r.fail(MaxStaleness, "%v is less than %v", c.MaxStaleness, minStaleness)
	}
	if c.Isolation == IsolationNone && c.Fronts != 1 {
		r.fail(Fronts, "with %s the service is one process, so there are no fronts to count: leave it out, or set --%s=%s", IsolationNone, Isolation, IsolationProcess)
	}
	c.UnixPasswordAccounts = r.accounts(c.UnixPasswordFile)
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(c.DataDir, "secret.key")
	}
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	return c, nil
}
