package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"aaa-api/internal/config"
	"aaa-api/internal/confine"
)

// ownsNothing is the user of fronts: nobody, by its number, since containers have no list of users.
const ownsNothing = "65534:65534"

// users are whom the children run as; nil: as main does.
func (p *parent) users() (front, secmod *syscall.Credential, err error) {
	named := p.cfg.UserFront != "" || p.cfg.UserSecmod != ""
	switch {
	case os.Geteuid() != 0 && named:
		p.log.Warn("not started as root: all processes run as one user", "settings", []string{config.UserFront, config.UserSecmod})
		return nil, nil, nil
	case os.Geteuid() != 0:
		return nil, nil, nil
	case !changesUsers() && named:
		return nil, nil, fmt.Errorf("--%s and --%s: root may not change users here: give it the capabilities SETUID and SETGID, or leave them out", config.UserFront, config.UserSecmod)
	case !changesUsers():
		p.log.Warn("all processes run as root, which may not change users here: give it the capabilities SETUID and SETGID, or start aaa-api as another user")
		return nil, nil, nil
	}
	if front, err = credential(config.UserFront, cmp.Or(p.cfg.UserFront, ownsNothing)); err != nil {
		return nil, nil, err
	}
	if p.cfg.UserSecmod == "" {
		p.log.Info("the security module runs as root: name a user that owns the data folder with --" + config.UserSecmod)
		return front, nil, nil
	}
	if secmod, err = credential(config.UserSecmod, p.cfg.UserSecmod); err != nil {
		return nil, nil, err
	}
	return front, secmod, nil
}

func credential(setting, name string) (*syscall.Credential, error) {
	user, err := confine.LookupUser(name)
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", setting, err)
	}
	return user.Credential(), nil
}

// changesUsers reports whether root has what it takes: in a container it may not.
func changesUsers() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	const needed = 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID
	return unix.Capget(&header, &sets[0]) == nil && sets[0].Effective&needed == needed
}

// makeDataDirFor makes the data folder of a security module that runs as another user than main.
func makeDataDirFor(cfg *config.Config, user *syscall.Credential) error {
	_, err := os.Stat(cfg.DataDir)
	fresh := errors.Is(err, os.ErrNotExist)
	if err := makeDataDir(cfg); err != nil || user == nil || !fresh {
		return err
	}
	if err := os.Chown(cfg.DataDir, int(user.Uid), int(user.Gid)); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	return nil
}

// checkDataOwner refuses a data folder that the security module's user can't work in: it was made by another one. user is as the settings
// have it; empty: main's.
func checkDataOwner(cfg *config.Config, user string) error {
	who, or := fmt.Sprintf("--%s: %s", config.UserSecmod, user), ""
	if user == "" {
		user = fmt.Sprintf("%d:%d", os.Geteuid(), os.Getegid())
		who, or = "user "+user, ", or start aaa-api as the user who owns it"
	}
	paths := []string{cfg.DataDir}
	for _, name := range []string{"serve.lock", "aaa-api.db", "secret.key", "admin.token", "journal"} {
		paths = append(paths, filepath.Join(cfg.DataDir, name))
	}
	for _, path := range paths {
		err := unix.Access(path, unix.R_OK|unix.W_OK)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("%s can't write %s (%w): give it the folder with 'chown -R %s %s'%s", who, path, err, user, shellQuote(cfg.DataDir), or)
		}
	}
	return nil
}
