package confine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

const (
	fileRead  = ll.AccessFSReadFile
	read      = fileRead | ll.AccessFSReadDir
	fileWrite = fileRead | ll.AccessFSWriteFile | ll.AccessFSTruncate
	write     = read | fileWrite | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile | ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSRefer

	// handledFiles are all rights that Landlock knows up to ABI 8. The later one, to connect to UNIX sockets by their paths, is left:
	// PostgreSQL may be behind one, and a front has no socket to connect.
	handledFiles = 1<<16 - 1
)

// systemPaths are what the libraries of a security module read: resolver, users, certificates, Kerberos, time zones, and for
// the metrics of the process /proc and the control groups. /etc is given as a whole since its files are replaced while the process runs.
// Of other processes /proc tells little: Landlock closes their memory, environment and descriptors.
var systemPaths = []string{
	"/etc", "/etc/resolv.conf", "/etc/localtime",
	"/usr/share/zoneinfo",
	"/usr/share/ca-certificates", "/usr/local/share/ca-certificates", "/var/lib/ca-certificates",
	"/proc", "/sys/fs/cgroup",
}

// restrictPaths closes files, TCP ports, abstract sockets and signals with Landlock.
func restrictPaths(r Rules) ([]Missing, error) {
	abi, why := landlockABI()
	if abi == 0 {
		return []Missing{{Name: "landlock", Why: why}}, nil
	}
	config := landlock.Config{
		HandledAccessFS:  handledFiles,
		HandledAccessNet: ll.AccessNetBindTCP,
		Scoped:           ll.ScopeAbstractUnixSocket | ll.ScopeSignal,
	}
	if r.Role == Front {
		config.HandledAccessNet |= ll.AccessNetConnectTCP
	}
	var rules []landlock.Rule
	if r.Role == SecurityModule {
		var err error
		if rules, err = pathRules(r, abi); err != nil {
			return nil, err
		}
	}
	if err := config.BestEffort().Restrict(rules...); err != nil {
		return refused("landlock", err), nil
	}
	return lacking(abi), nil
}

// lacking names what a kernel's Landlock does not know yet. Rules of a front that it lacks are also in the seccomp filter.
func lacking(abi int) []Missing {
	var missing []Missing
	for _, part := range []struct {
		abi  int
		what string
	}{
		{3, "truncating files is not restricted"},
		{4, "TCP ports are not restricted"},
		{5, "ioctl on devices is not restricted"},
		{6, "abstract sockets and signals are not restricted"},
	} {
		if abi < part.abi {
			missing = append(missing, Missing{
				Name: "landlock",
				Why:  fmt.Sprintf("%s: the kernel has version %d, and this needs %d", part.what, abi, part.abi),
			})
		}
	}
	return missing
}

// landlockABI returns the version of the kernel's Landlock, or 0 and why there is none.
func landlockABI() (abi int, why string) {
	abi, err := ll.LandlockGetABIVersion()
	switch {
	case errors.Is(err, unix.ENOSYS):
		return 0, "the kernel has none"
	case errors.Is(err, unix.EOPNOTSUPP):
		return 0, "the kernel has it switched off: add landlock to its parameter lsm="
	case err != nil:
		return 0, err.Error()
	}
	if errata, err := ll.LandlockGetErrata(); abi >= 6 && (err != nil || errata&2 == 0) {
		return 5, "" // scoped signals are broken in this kernel, and the library does not use them
	}
	return abi, ""
}

// pathRules makes the rules of a security module.
func pathRules(r Rules, abi int) ([]landlock.Rule, error) {
	folderWrite := landlock.AccessFSSet(write)
	if abi < 2 {
		folderWrite &^= ll.AccessFSRefer // the library would give up all rules; such a kernel forbids moves between folders
	}
	var rules []landlock.Rule
	for _, path := range r.ReadWrite {
		given, err := widen(path)
		if err != nil {
			return nil, fmt.Errorf("confine: %w", err)
		}
		for _, g := range given {
			rules = append(rules, g.rule(folderWrite, fileWrite))
		}
	}
	for _, path := range slices.Concat(systemPaths, r.Read) {
		given, err := widen(path)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			continue // what is missing or closed to the user needs no rule
		case err != nil:
			return nil, fmt.Errorf("confine: %w", err)
		}
		for _, g := range given {
			rules = append(rules, g.rule(read, fileRead).IgnoreIfMissing())
		}
	}
	return rules, nil
}

// given is a path that gets a rule.
type given struct {
	path   string
	folder bool
}

func (g given) rule(folder, file landlock.AccessFSSet) landlock.FSRule {
	if g.folder {
		return landlock.PathAccess(folder, g.path)
	}
	return landlock.PathAccess(file, g.path)
}

// widen returns what a path of Rules gives: a folder itself; of a file its folder and that of its target; and the folders of turned links.
func widen(path string) ([]given, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	all := turned(path)
	if info.IsDir() {
		return append(all, given{path, true}), nil
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	for _, p := range []string{path, target} {
		g := given{filepath.Dir(p), true}
		if g.path == "/" {
			g = given{p, false} // a rule for the root folder would be one for everything
		}
		if !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	return all, nil
}

// turned returns the folders of links on the way of a path that lead to another name in the same folder, as current does to release-7. To
// change all files of a folder at once, such a link is turned to a new folder beside the one before.
func turned(path string) (all []given) {
	const links = 40 // as many as the kernel follows
	at, rest := "/", path
	for n := 0; rest != "" && n < links; {
		name, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := filepath.Join(at, name)
		to, err := os.Readlink(next)
		if err != nil { // no link
			at, rest = next, after
			continue
		}
		n++
		if !filepath.IsAbs(to) {
			to = filepath.Join(at, to)
		}
		if at != "/" && strings.HasPrefix(to, at+"/") {
			all = append(all, given{at, true})
		}
		at, rest = "/", filepath.Join(to, after)
	}
	return all
}
