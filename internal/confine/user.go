package confine

import (
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// User is whom a process runs as.
type User struct {
	Name     string // as it was asked for
	UID, GID uint32
	Groups   []uint32 // supplementary ones
}

// LookupUser finds a user by "name" or "number", with its primary and supplementary groups, or by "user:group", with that group alone. Only the
// form of two numbers needs no entry in /etc/passwd, as containers have none. Root is refused: it is what the process gives up.
func LookupUser(name string) (User, error) {
	account, group, grouped := strings.Cut(name, ":")
	u := User{Name: name}
	entry, err := lookup(account)
	if uid, ok := number(account); ok && grouped && err != nil {
		if _, ok := number(group); ok {
			entry, err = &user.User{Uid: strconv.FormatUint(uint64(uid), 10)}, nil
		}
	}
	if err != nil {
		return User{}, fmt.Errorf("user %q: %w", account, err)
	}
	uid, ok := number(entry.Uid)
	if !ok {
		return User{}, fmt.Errorf("user %q: its number is %q", account, entry.Uid)
	}
	if uid == 0 {
		return User{}, fmt.Errorf("user %q is root, whose privileges the process is to give up: name another user", account)
	}
	u.UID = uid
	if grouped {
		u.GID, err = lookupGroup(group)
		return u, err
	}
	if u.GID, ok = number(entry.Gid); !ok {
		return User{}, fmt.Errorf("user %q: the number of its group is %q", account, entry.Gid)
	}
	ids, err := entry.GroupIds()
	if err != nil {
		return User{}, fmt.Errorf("groups of user %q: %w", account, err)
	}
	for _, id := range ids {
		if gid, ok := number(id); ok && gid != u.GID && !slices.Contains(u.Groups, gid) {
			u.Groups = append(u.Groups, gid)
		}
	}
	return u, nil
}

// Credential is for syscall.SysProcAttr of a process that root starts.
func (u User) Credential() *syscall.Credential {
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
}

func lookup(account string) (*user.User, error) {
	if account == "" {
		return nil, errors.New("the name is empty")
	}
	entry, err := user.Lookup(account)
	uid, isNumber := number(account)
	if err != nil && isNumber {
		entry, err = user.LookupId(strconv.FormatUint(uint64(uid), 10))
	}
	var noName user.UnknownUserError
	var noNumber user.UnknownUserIdError
	switch {
	case errors.As(err, &noNumber):
		return nil, fmt.Errorf("there is none with this number: name its group as well, as in %d:%d", uid, uid)
	case errors.As(err, &noName):
		return nil, fmt.Errorf("there is none with this name: create it with 'useradd --system --no-create-home --shell /usr/sbin/nologin %s'", account)
	}
	return entry, err
}

func lookupGroup(group string) (uint32, error) {
	entry, err := user.LookupGroup(group)
	if err == nil {
		group = entry.Gid
	}
	gid, ok := number(group)
	var unknown user.UnknownGroupError
	switch {
	case ok:
		return gid, nil
	case group == "":
		return 0, errors.New("the name of the group is empty")
	case errors.As(err, &unknown):
		return 0, fmt.Errorf("group %q: there is none with this name: create it with 'groupadd --system %s'", group, group)
	}
	return 0, fmt.Errorf("group %q: %w", group, err)
}

// number reads the number of a user or group. The greatest one means "leave it as it is" to setuid(2).
func number(text string) (uint32, bool) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err == nil && n < 1<<32-1
}
