package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"
)

// load parses args as `serve` would.
func load(t *testing.T, environ []string, args ...string) (*Config, error) {
	t.Helper()
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(fs, Listen, Advertise, DataDir, Database, KeyFile, DictionaryDir, LogLevel, Drain, Unanswered, HashCost, UnixPasswordFile, UnixPasswordAccounts, Demo)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return Load(fs, environ)
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	dicts := t.TempDir()
	for name, tc := range map[string]struct {
		env  []string
		args []string
		want Config
	}{
		"defaults": {
			want: Config{DestinationPackets: 5000, HashCost: 14, Listen: "127.0.0.1:8000", DataDir: "./data", KeyFile: "data/secret.key"},
		},
		"environment": {
			env: []string{
				"AAA_API_LISTEN=:9000", "AAA_API_DATA_DIR=/srv/aaa", "AAA_API_LOG_LEVEL=warn", "AAA_API_DEMO=true", "AAA_API_DRAIN=15s",
				"AAA_API_KEY_FILE=/etc/aaa/key", "AAA_API_DICTIONARY_DIR=" + dicts, "HOME=/root", "AAA_API_DATABASE_URL=",
			},
			want: Config{DestinationPackets: 5000, HashCost: 14, Listen: ":9000", DataDir: "/srv/aaa", KeyFile: "/etc/aaa/key", DictionaryDir: dicts, LogLevel: slog.LevelWarn, Drain: 15 * time.Second, Demo: true},
		},
		"flags win": {
			env:  []string{"AAA_API_LISTEN=:9000", "AAA_API_DEMO=true", "AAA_API_LOG_LEVEL=warn", "AAA_API_ADVERTISE=http://10.0.0.1:9000", "AAA_API_DRAIN=15s"},
			args: []string{"--listen=[::1]:0", "--demo=false", "--log-level=DEBUG", "--advertise=https://node1.example/", "--drain=5m"},
			want: Config{DestinationPackets: 5000, HashCost: 14, Listen: "[::1]:0", Advertise: "https://node1.example", DataDir: "./data", KeyFile: "data/secret.key", LogLevel: slog.LevelDebug, Drain: 5 * time.Minute},
		},
		"a service called aaa-api in Kubernetes": {
			env: []string{
				"AAA_API_SERVICE_HOST=10.0.0.1", "AAA_API_SERVICE_PORT=8000", "AAA_API_SERVICE_PORT_HTTP=8000", "AAA_API_PORT=tcp://10.0.0.1:8000",
				"AAA_API_PORT_8000_TCP=tcp://10.0.0.1:8000", "AAA_API_PORT_8000_TCP_ADDR=10.0.0.1",
			},
			want: Config{DestinationPackets: 5000, HashCost: 14, Listen: "127.0.0.1:8000", DataDir: "./data", KeyFile: "data/secret.key"},
		},
	} {
		got, err := load(t, tc.env, tc.args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tc.want, *got, cmpopts.EquateComparable(DatabaseURL{})); d != "" {
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
		"unknown variable":      {env: []string{"AAA_API_DATADIR=/x"}, want: "AAA_API_DATADIR: no such setting; did you mean AAA_API_DATA_DIR?"},
		"short variable":        {env: []string{"AAA_API_DATABASE=x"}, want: "did you mean AAA_API_DATABASE_URL?"},
		"nothing like it":       {env: []string{"AAA_API_XYZ=1"}, want: "there are AAA_API_ADVERTISE, AAA_API_DATABASE_URL, AAA_API_DATA_DIR"},
		"lower case":            {env: []string{"AAA_API_listen=:1"}, want: "AAA_API_listen: no such setting"},
		"no port":               {args: []string{"--listen=localhost"}, want: `--listen: "localhost" is not address:port`},
		"port too large":        {env: []string{"AAA_API_LISTEN=:65536"}, want: `AAA_API_LISTEN: port "65536" is not 0 to 65535`},
		"port by name":          {args: []string{"--listen=:http"}, want: `port "http"`},
		"advertise no URL":      {args: []string{"--advertise=10.0.0.1:8000"}, want: "--advertise: it is not of the form http://host:port"},
		"advertise no host":     {args: []string{"--advertise=http://:8000"}, want: "--advertise: it is not of the form"},
		"advertise a file":      {env: []string{"AAA_API_ADVERTISE=file:///etc/hunter2"}, want: "AAA_API_ADVERTISE: it is not of the form"},
		"advertise a path":      {args: []string{"--advertise=http://node1/v2"}, want: "--advertise: it has more than"},
		"advertise a password":  {args: []string{"--advertise=http://u:hunter2@node1"}, want: "--advertise: it has more than"},
		"data dir is a file":    {args: []string{"--data-dir=" + file}, want: "--data-dir: " + file + " is not a folder"},
		"data dir empty":        {args: []string{"--data-dir="}, want: "--data-dir: it is empty"},
		"no dictionary dir":     {args: []string{"--dictionary-dir=" + file + "x"}, want: "--dictionary-dir: stat "},
		"no password file":      {args: []string{"--unix-password-file=" + file + "x"}, want: "--unix-password-file: stat "},
		"accounts without file": {args: []string{"--unix-password-accounts=" + strings.Repeat("a", 32)}, want: "there is no unix-password-file"},
		"not an account":        {args: []string{"--unix-password-file=" + file, "--unix-password-accounts=root"}, want: "is no account id"},
		"dictionary dir a file": {args: []string{"--dictionary-dir=" + file}, want: "is not a folder"},
		"log level":             {env: []string{"AAA_API_LOG_LEVEL=loud"}, want: `AAA_API_LOG_LEVEL: "loud" is not debug`},
		"drain without unit":    {args: []string{"--drain=10"}, want: `--drain: "10" is not a time of 0s to 5m0s`},
		"drain too long":        {env: []string{"AAA_API_DRAIN=5m1s"}, want: `AAA_API_DRAIN: "5m1s" is not a time`},
		"drain negative":        {args: []string{"--drain=-1s"}, want: `--drain: "-1s" is not a time`},
		"no packets":            {args: []string{"--destination-packets=0"}, want: `--destination-packets: "0" is not a whole number of 1 to 1000000`},
		"cost of hashes":        {args: []string{"--max-hash-cost=15"}, want: `--max-hash-cost: "15" is not a whole number of 4 to 14`},
		"demo":                  {env: []string{"AAA_API_DEMO=perhaps"}, want: `AAA_API_DEMO: "perhaps" is not true or false`},
		"not PostgreSQL":        {args: []string{"--database-url=mysql://h/d"}, want: "--database-url: it does not begin with postgres://"},
		"keyword form":          {args: []string{"--database-url=host=h password=hunter2"}, want: "--database-url: it does not begin"},
		"password in a flag":    {args: []string{"--database-url=postgres://u:hunter2@h/d"}, want: "set AAA_API_DATABASE_URL"},
		"password parameter":    {args: []string{"--database-url=postgres://u@h/d?password=hunter2"}, want: "?passfile="},
		"malformed, in env":     {env: []string{"AAA_API_DATABASE_URL=postgres://u:hunter2%@h/d"}, want: "AAA_API_DATABASE_URL: it is not a URL"},
		"malformed parameters":  {env: []string{"AAA_API_DATABASE_URL=postgres://u@h/d?password=hunter2%zz"}, want: "its parameters are malformed"},
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
