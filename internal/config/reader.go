package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"

	"aaa-api/internal/egress"
)

// reader takes settings out of k and collects what is wrong with them.
type reader struct {
	k    *koanf.Koanf
	fs   *pflag.FlagSet
	errs []error
}

// fail notes a fault of a setting under the name by which it was given.
func (r *reader) fail(name, format string, args ...any) {
	source := variableOf(name)
	if r.given(name) {
		source = "--" + name
	}
	r.errs = append(r.errs, fmt.Errorf("%s: %w", source, fmt.Errorf(format, args...)))
}

// given reports whether a setting came as a flag.
func (r *reader) given(name string) bool {
	f := r.fs.Lookup(name)
	return f != nil && f.Changed
}

// hostPort is the address of a listener. A setting without a default may be left out.
func (r *reader) hostPort(name string) string {
	v := r.k.String(name)
	if v == "" && !r.given(name) && name != Listen {
		return ""
	}
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		r.fail(name, "%q is not address:port", v)
		return ""
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		r.fail(name, "port %q is not 0 to 65535", port)
	} else if n > 0 && port[0] == '0' {
		r.fail(name, "port %q begins with a zero", port)
	}
	return v
}

// together refuses one of two settings without the other.
func (r *reader) together(one, other string) {
	for _, pair := range [][2]string{{one, other}, {other, one}} {
		if r.k.String(pair[0]) != "" && r.k.String(pair[1]) == "" {
			r.fail(pair[0], "there is no %s with it", pair[1])
		}
	}
}

// deviceAddress is the address of a listener for network devices. An empty one is off.
func (r *reader) deviceAddress(name string) string {
	if r.k.String(name) == "" {
		return ""
	}
	return r.hostPort(name)
}

// deviceTLS refuses a TLS listener for devices without its files, and an incomplete set of them.
func (r *reader) deviceTLS() {
	needed := ""
	for _, name := range []string{RADIUSTLS, TACACSTLS, DeviceTLSCert, DeviceTLSKey, DeviceTLSCA} {
		if r.k.String(name) != "" {
			needed = name
			break
		}
	}
	for _, name := range []string{DeviceTLSCert, DeviceTLSKey, DeviceTLSCA} {
		if needed != "" && r.k.String(name) == "" {
			r.fail(needed, "there is no %s with it", name)
		}
	}
}

func (r *reader) advertise() string {
	v := strings.TrimSuffix(r.k.String(Advertise), "/")
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		r.fail(Advertise, "it is not of the form http://host:port or https://host:port")
	case v != u.Scheme+"://"+u.Host:
		r.fail(Advertise, "it has more than http or https, a host and a port")
	}
	return v
}

func (r *reader) dataDir() string {
	v := r.k.String(DataDir)
	if v == "" {
		r.fail(DataDir, "it is empty")
		return ""
	}
	if info, err := os.Stat(v); err == nil && !info.IsDir() {
		r.fail(DataDir, "%s is not a folder", v)
	}
	return v
}

func (r *reader) folder(name string) string { return r.existing(name, "folder", fs.FileMode.IsDir) }

func (r *reader) file(name string) string { return r.existing(name, "file", fs.FileMode.IsRegular) }

// existing is a path that is empty or leads to what is wanted.
func (r *reader) existing(name, what string, wanted func(fs.FileMode) bool) string {
	v := r.k.String(name)
	if v == "" {
		return ""
	}
	info, err := os.Stat(v)
	switch {
	case err != nil:
		r.fail(name, "%w", err)
	case !wanted(info.Mode()):
		r.fail(name, "%s is not a %s", v, what)
	}
	return v
}

// accountID is 32 lower-case hexadecimal characters.
var accountID = regexp.MustCompile("^[0-9a-f]{32}$")

func (r *reader) accounts(passwords string) []string {
	v := r.k.String(UnixPasswordAccounts)
	if v == "" {
		return nil
	}
	if passwords == "" {
		r.fail(UnixPasswordAccounts, "there is no %s for them", UnixPasswordFile)
	}
	list := strings.Split(v, ",")
	for i, id := range list {
		if list[i] = strings.TrimSpace(id); !accountID.MatchString(list[i]) {
			r.fail(UnixPasswordAccounts, "%q is no account id (32 lower-case hexadecimal characters)", list[i])
		}
	}
	return list
}

func (r *reader) logLevel() slog.Level {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	v := r.k.String(LogLevel)
	level, ok := levels[strings.ToLower(v)]
	if !ok {
		r.fail(LogLevel, "%q is not debug, info, warn or error", v)
	}
	return level
}

// duration is a time of 0 to most.
func (r *reader) duration(name string, most time.Duration) time.Duration {
	v := r.k.String(name)
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 || d > most {
		r.fail(name, "%q is not a time of 0s to %v, such as 10s", v, most)
	}
	return d
}

// number is a whole number of least to most.
func (r *reader) number(name string, least, most int64) int64 {
	v := r.k.String(name)
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < least || n > most {
		r.fail(name, "%q is not a whole number of %d to %d", v, least, most)
	}
	return n
}

func (r *reader) networks() []netip.Prefix {
	v := r.k.String(Networks)
	if v == "" {
		return nil
	}
	list, err := egress.ParseNetworks(v)
	if err != nil {
		r.fail(Networks, "%w", err)
	}
	return list
}

func (r *reader) ports() []egress.Ports {
	list, err := egress.ParsePorts(r.k.String(ServerPorts))
	if err != nil {
		r.fail(ServerPorts, "%w", err)
	}
	return list
}

// leastMemory is what a node with few tenants needs.
const leastMemory = 128 << 20

// octets is a number of octets, at least leastMemory, or 0 for none.
func (r *reader) octets(name string) int64 {
	v := r.k.String(name)
	if v == "" {
		return 0
	}
	number, unit := v, int64(1)
	for suffix, octets := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if n, ok := strings.CutSuffix(v, suffix); ok {
			number, unit = n, octets
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit || n*unit < leastMemory {
		r.fail(name, "%q is not a number of octets such as 512MiB or 4GiB, and at least 128MiB", v)
		return 0
	}
	return n * unit
}

func (r *reader) isolation() string {
	v := r.k.String(Isolation)
	switch {
	case v != IsolationProcess && v != IsolationNone:
		r.fail(Isolation, "%q is not %s or %s", v, IsolationProcess, IsolationNone)
	case v == IsolationProcess && runtime.GOOS != "linux":
		r.fail(Isolation, "%s works on Linux alone", v)
	}
	return v
}

func (r *reader) boolean(name string) bool {
	v := r.k.String(name)
	b, err := strconv.ParseBool(v)
	if err != nil {
		r.fail(name, "%q is not true or false", v)
	}
	return b
}

func (r *reader) databaseURL() DatabaseURL {
	v := r.k.String(Database)
	if v == "" {
		return DatabaseURL{}
	}
	u, err := parseDatabaseURL(v)
	if err != nil {
		r.fail(Database, "%w", err)
		return DatabaseURL{}
	}
	if r.given(Database) && u.HasPassword() {
		r.fail(Database, "a password in a flag can be read by every user of the machine; set %s, or name a file with ?passfile=", variableOf(Database))
		return DatabaseURL{}
	}
	return u
}
