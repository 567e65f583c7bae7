package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"aaa-api/internal/egress"
)

// load parses args as `serve` would.
func load(t *testing.T, environ []string, args ...string) (*Config, error) {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(fs, All()...)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Load(fs, environ)
}

// defaults are the settings of a node that is told nothing.
func defaults() Config {
	return Config{
		Listen: "127.0.0.1:8000", DataDir: "./data", KeyFile: "data/secret.key", MaxStaleness: 10 * time.Minute, BadCredentials: 20,
		DestinationPackets: 5000, MaxConnections: 4096, HashCost: 14, Isolation: isolation(), Fronts: 1,
		ServerPorts: []egress.Ports{{From: 49, To: 49}, {From: 88, To: 88}, {From: 300, To: 300}, {From: 1024, To: 65535}},
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	dicts, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want func(c *Config) // what is not as by default
	}{
		"defaults": {want: func(*Config) {}},
		"environment": {
			env: []string{
				"AAA_API_LISTEN=:9000", "AAA_API_DATA_DIR=/srv/aaa", "AAA_API_LOG_LEVEL=warn", "AAA_API_DEMO=true", "AAA_API_LOG_USER=true", "AAA_API_DRAIN=15s",
				"AAA_API_MAX_STALENESS=1s", "AAA_API_BAD_CREDENTIALS=7", "AAA_API_KEY_FILE=/etc/aaa/key", "AAA_API_DICTIONARY_DIR=" + dicts,
				"AAA_API_SERVER_NETWORKS=127.0.0.0/8,::1", "AAA_API_SERVER_PORTS=1812", "AAA_API_DESTINATION_PACKETS=9",
				"HOME=/root", "AAA_API_DATABASE_URL=",
			},
			want: func(c *Config) {
				c.Listen, c.DataDir, c.KeyFile, c.DictionaryDir = ":9000", "/srv/aaa", "/etc/aaa/key", dicts
				c.LogLevel, c.Drain, c.MaxStaleness, c.BadCredentials, c.Demo, c.LogUser = slog.LevelWarn, 15*time.Second, time.Second, 7, true, true
				c.ServerNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
				c.ServerPorts, c.DestinationPackets = []egress.Ports{{From: 1812, To: 1812}}, 9
			},
		},
		"flags win": {
			env:  []string{"AAA_API_LISTEN=:9000", "AAA_API_DEMO=true", "AAA_API_LOG_LEVEL=warn", "AAA_API_ADVERTISE=http://10.0.0.1:9000", "AAA_API_DRAIN=15s"},
			args: []string{"--listen=[::1]:0", "--demo=false", "--log-level=DEBUG", "--advertise=https://node1.example/", "--drain=5m", "--max-staleness=0", "--bad-credentials=0", "--memory-limit=2GiB", "--max-connections=100"},
			want: func(c *Config) {
				c.Listen, c.Advertise, c.LogLevel, c.Drain = "[::1]:0", "https://node1.example", slog.LevelDebug, 5*time.Minute
				c.MaxStaleness, c.BadCredentials, c.MemoryLimit, c.MaxConnections = 0, 0, 2<<30, 100
			},
		},
		"listeners": {
			env:  []string{"AAA_API_ADMIN_LISTEN=10.0.0.1:9000", "AAA_API_TLS_CERT=" + file},
			args: []string{"--admin-listen=[::1]:9000", "--tls-key=" + file},
			want: func(c *Config) { c.AdminListen, c.TLSCert, c.TLSKey = "[::1]:9000", file, file },
		},
		"listeners for devices": {
			env: []string{"AAA_API_RADIUS_AUTH=:1812", "AAA_API_RADIUS_TLS=:2083", "AAA_API_TACACS_TLS=:300", "AAA_API_DEVICE_TLS_CERT=" + file, "AAA_API_DEVICE_TLS_KEY=" + file},
			args: []string{
				"--radius-auth=[::1]:0", "--radius-acct=127.0.0.2:1813", "--tacacs=:49", "--tacacs-tls=", "--device-tls-ca=" + file,
			},
			want: func(c *Config) {
				c.RADIUSAuth, c.RADIUSAcct, c.RADIUSTLS, c.TACACS = "[::1]:0", "127.0.0.2:1813", ":2083", ":49"
				c.DeviceTLSCert, c.DeviceTLSKey, c.DeviceTLSCA = file, file, file
			},
		},
		"a service called aaa-api in Kubernetes": {
			env: []string{
				"AAA_API_SERVICE_HOST=10.0.0.1", "AAA_API_SERVICE_PORT=8000", "AAA_API_SERVICE_PORT_HTTP=8000", "AAA_API_PORT=tcp://10.0.0.1:8000",
				"AAA_API_PORT_8000_TCP=tcp://10.0.0.1:8000", "AAA_API_PORT_8000_TCP_ADDR=10.0.0.1",
			},
			want: func(*Config) {},
		},
	} {
		got, err := load(t, tc.env, tc.args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := defaults()
		tc.want(&want)
		if d := cmp.Diff(want, *got, cmpopts.EquateComparable(DatabaseURL{}, netip.Prefix{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Another process gets the same settings from the texts.
func TestRestore(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env  []string
		args []string
	}{
		"defaults": {},
		"many": {
			env:  []string{"AAA_API_DATABASE_URL=postgres://u:hunter2@db.example/aaa", "AAA_API_DRAIN=15s", "AAA_API_LOG_LEVEL=warn"},
			args: []string{"--listen=[::1]:0", "--memory-limit=2GiB", "--server-networks=127.0.0.0/8,::1", "--demo", "--fronts=3", "--user-front=www-data", "--advertise="},
		},
	} {
		fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		AddFlags(fs, All()...)
		if err := fs.Parse(tc.args); err != nil {
			t.Fatal(err)
		}
		want, err := Load(fs, tc.env)
		if err != nil {
			t.Fatal(err)
		}
		values, err := Values(fs, tc.env)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Restore(values)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmp.AllowUnexported(DatabaseURL{}), cmpopts.EquateComparable(netip.Prefix{})); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"unknown variable":                     {env: []string{"AAA_API_DATADIR=/x"}, want: "AAA_API_DATADIR: no such setting; did you mean AAA_API_DATA_DIR?"},
		"short variable":                       {env: []string{"AAA_API_DATABASE=x"}, want: "did you mean AAA_API_DATABASE_URL?"},
		"nothing like it":                      {env: []string{"AAA_API_XYZ=1"}, want: "there are AAA_API_ADMIN_LISTEN, AAA_API_ADVERTISE, AAA_API_BAD_CREDENTIALS, AAA_API_DATABASE_URL"},
		"lower case":                           {env: []string{"AAA_API_listen=:1"}, want: "AAA_API_listen: no such setting"},
		"no port":                              {args: []string{"--listen=localhost"}, want: `--listen: "localhost" is not address:port`},
		"port too large":                       {env: []string{"AAA_API_LISTEN=:65536"}, want: `AAA_API_LISTEN: port "65536" is not 0 to 65535`},
		"port by name":                         {args: []string{"--listen=:http"}, want: `port "http"`},
		"admin without a port":                 {args: []string{"--admin-listen=localhost"}, want: `--admin-listen: "localhost" is not address:port`},
		"admin empty":                          {args: []string{"--admin-listen="}, want: `--admin-listen: "" is not address:port`},
		"admin port too large":                 {env: []string{"AAA_API_ADMIN_LISTEN=:65536"}, want: `AAA_API_ADMIN_LISTEN: port "65536" is not 0 to 65535`},
		"certificate alone":                    {args: []string{"--tls-cert=" + file}, want: "--tls-cert: there is no tls-key with it"},
		"TLS key alone":                        {env: []string{"AAA_API_TLS_KEY=" + file}, want: "AAA_API_TLS_KEY: there is no tls-cert with it"},
		"no certificate file":                  {args: []string{"--tls-cert=" + file + "x", "--tls-key=" + file}, want: "--tls-cert: stat "},
		"no TLS key file":                      {args: []string{"--tls-cert=" + file, "--tls-key=" + file + "x"}, want: "--tls-key: stat "},
		"devices without a port":               {args: []string{"--radius-auth=localhost"}, want: `--radius-auth: "localhost" is not address:port`},
		"devices' port too large":              {env: []string{"AAA_API_TACACS=:65536"}, want: `AAA_API_TACACS: port "65536" is not 0 to 65535`},
		"RadSec without files":                 {args: []string{"--radius-tls=:2083", "--device-tls-cert=" + file}, want: "--radius-tls: there is no device-tls-key with it"},
		"TACACS+ over TLS without authorities": {args: []string{"--tacacs-tls=:300", "--device-tls-cert=" + file, "--device-tls-key=" + file}, want: "--tacacs-tls: there is no device-tls-ca with it"},
		"a device key alone":                   {env: []string{"AAA_API_DEVICE_TLS_KEY=" + file}, want: "AAA_API_DEVICE_TLS_KEY: there is no device-tls-cert with it"},
		"advertise no URL":                     {args: []string{"--advertise=10.0.0.1:8000"}, want: "--advertise: it is not of the form http://host:port"},
		"advertise no host":                    {args: []string{"--advertise=http://:8000"}, want: "--advertise: it is not of the form"},
		"advertise a file":                     {env: []string{"AAA_API_ADVERTISE=file:///etc/hunter2"}, want: "AAA_API_ADVERTISE: it is not of the form"},
		"advertise a path":                     {args: []string{"--advertise=http://node1/v2"}, want: "--advertise: it has more than"},
		"advertise a password":                 {args: []string{"--advertise=http://u:hunter2@node1"}, want: "--advertise: it has more than"},
		"data dir is a file":                   {args: []string{"--data-dir=" + file}, want: "--data-dir: " + file + " is not a folder"},
		"data dir empty":                       {args: []string{"--data-dir="}, want: "--data-dir: it is empty"},
		"no dictionary dir":                    {args: []string{"--dictionary-dir=" + file + "x"}, want: "--dictionary-dir: stat "},
		"no password file":                     {args: []string{"--unix-password-file=" + file + "x"}, want: "--unix-password-file: stat "},
		"accounts without file":                {args: []string{"--unix-password-accounts=" + strings.Repeat("a", 32)}, want: "there is no unix-password-file"},
		"not an account":                       {args: []string{"--unix-password-file=" + file, "--unix-password-accounts=root"}, want: "is no account id"},
		"dictionary dir a file":                {args: []string{"--dictionary-dir=" + file}, want: "is not a folder"},
		"log level":                            {env: []string{"AAA_API_LOG_LEVEL=loud"}, want: `AAA_API_LOG_LEVEL: "loud" is not debug`},
		"drain without unit":                   {args: []string{"--drain=10"}, want: `--drain: "10" is not a time of 0s to 5m0s`},
		"drain too long":                       {env: []string{"AAA_API_DRAIN=5m1s"}, want: `AAA_API_DRAIN: "5m1s" is not a time`},
		"drain negative":                       {args: []string{"--drain=-1s"}, want: `--drain: "-1s" is not a time`},
		"no connections":                       {args: []string{"--max-connections=0"}, want: `--max-connections: "0" is not a whole number of 16 to 1000000`},
		"little memory":                        {args: []string{"--memory-limit=127MiB"}, want: `--memory-limit: "127MiB" is not a number of octets such as 512MiB or 4GiB, and at least 128MiB`},
		"memory in words":                      {env: []string{"AAA_API_MEMORY_LIMIT=much"}, want: `AAA_API_MEMORY_LIMIT: "much" is not a number of octets`},
		"more memory than is":                  {args: []string{"--memory-limit=99999999999GiB"}, want: `is not a number of octets`},
		"negative memory":                      {args: []string{"--memory-limit=-1GiB"}, want: `is not a number of octets`},
		"no packets":                           {args: []string{"--destination-packets=0"}, want: `--destination-packets: "0" is not a whole number of 1 to 1000000`},
		"cost of hashes":                       {args: []string{"--max-hash-cost=15"}, want: `--max-hash-cost: "15" is not a whole number of 4 to 14`},
		"no network":                           {args: []string{"--server-networks=10.0.0.0/8,localhost"}, want: `--server-networks: "localhost" must be an IP prefix or address`},
		"bits after the prefix":                {args: []string{"--server-networks=127.0.0.1/8"}, want: `--server-networks: "127.0.0.1/8" has bits after the prefix: write 127.0.0.0/8`},
		"no port range":                        {args: []string{"--server-ports=1812-1"}, want: `--server-ports: "1812-1" is neither a port`},
		"staleness too short":                  {args: []string{"--max-staleness=999ms"}, want: "--max-staleness: 999ms is less than 1s"},
		"staleness too long":                   {env: []string{"AAA_API_MAX_STALENESS=721h"}, want: `AAA_API_MAX_STALENESS: "721h" is not a time of 0s to 720h0m0s`},
		"staleness of no unit":                 {args: []string{"--max-staleness=600"}, want: `--max-staleness: "600" is not a time`},
		"credentials, negative":                {args: []string{"--bad-credentials=-1"}, want: `--bad-credentials: "-1" is not a whole number of 0 to 1000000`},
		"credentials a second":                 {env: []string{"AAA_API_BAD_CREDENTIALS=20/s"}, want: `AAA_API_BAD_CREDENTIALS: "20/s" is not a whole number`},
		"isolation":                            {args: []string{"--isolation=yes"}, want: `--isolation: "yes" is not process or none`},
		"no fronts":                            {args: []string{"--fronts=0"}, want: `--fronts: "0" is not a whole number of 1 to 64`},
		"fronts, one process":                  {args: []string{"--isolation=none", "--fronts=2"}, want: "--fronts: with none the service is one process, so there are no fronts to count: leave it out, or set --isolation=process"},
		"fronts":                               {env: []string{"AAA_API_FRONTS=65"}, want: `AAA_API_FRONTS: "65" is not a whole number of 1 to 64`},
		"demo":                                 {env: []string{"AAA_API_DEMO=perhaps"}, want: `AAA_API_DEMO: "perhaps" is not true or false`},
		"not PostgreSQL":                       {args: []string{"--database-url=mysql://h/d"}, want: "--database-url: it does not begin with postgres://"},
		"keyword form":                         {args: []string{"--database-url=host=h password=hunter2"}, want: "--database-url: it does not begin"},
		"password in a flag":                   {args: []string{"--database-url=postgres://u:hunter2@h/d"}, want: "set AAA_API_DATABASE_URL"},
		"password parameter":                   {args: []string{"--database-url=postgres://u@h/d?password=hunter2"}, want: "?passfile="},
		"malformed, in env":                    {env: []string{"AAA_API_DATABASE_URL=postgres://u:hunter2%@h/d"}, want: "AAA_API_DATABASE_URL: it is not a URL"},
		"malformed parameters":                 {env: []string{"AAA_API_DATABASE_URL=postgres://u@h/d?password=hunter2%zz"}, want: "its parameters are malformed"},
	} {
		_, err := load(t, tc.env, tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error shows the password: %v", name, err)
		}
	}
}

func TestEveryFaultIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := load(t, []string{"AAA_API_LISTNE=:1", "AAA_API_LOG_LEVEL=loud"}, "--listen=x")
	for _, want := range []string{"AAA_API_LISTNE", "AAA_API_LOG_LEVEL", "--listen"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named in: %v", want, err)
		}
	}
}

func TestDatabaseURLIsNeverPrintedWhole(t *testing.T) {
	t.Parallel()
	const text = "postgres://user:hunter2@db.example:5432/aaa?sslmode=require&sslpassword=hunter2"
	c, err := load(t, []string{"AAA_API_DATABASE_URL=" + text})
	if err != nil {
		t.Fatal(err)
	}
	if c.DatabaseURL.Reveal() != text {
		t.Error("Reveal does not give the URL")
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&out, verb+verb+verb, c, *c, c.DatabaseURL)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "url", c.DatabaseURL)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("the password is printed: %s", out.String())
	}
	if !strings.Contains(out.String(), "postgres://db.example:5432/aaa") {
		t.Errorf("the place of the database is not: %s", out.String())
	}
}

// TestDocsOfLimits: docs/limits.md names no setting that there is not, and each that docs/operations.md explains by it.
func TestDocsOfLimits(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		text, err := os.ReadFile("../../docs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	page := read("limits.md")
	for _, name := range regexp.MustCompile("`--([a-z-]+)").FindAllStringSubmatch(page, -1) {
		if !slices.Contains(All(), name[1]) {
			t.Errorf("docs/limits.md names --%s", name[1])
		}
	}
	for line := range strings.Lines(read("operations.md")) {
		if flag, rest, ok := strings.Cut(strings.TrimPrefix(line, "| `--"), "`"); ok && strings.HasPrefix(line, "| `--") &&
			strings.Contains(rest, "limits.md") && !strings.Contains(page, "`--"+flag+"`") {
			t.Errorf("docs/limits.md does not name --%s", flag)
		}
	}
}
