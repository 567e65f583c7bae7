package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/fsm"
	"aaa-api/internal/limits"
	"aaa-api/internal/router"
	"aaa-api/internal/usersfile"
)

// UnixPW compares the request's password with a file of the host, such as /etc/shadow or one
// that htpasswd writes. Only documents of the accounts that the operator has named may use it, for a user of
// the host is nobody's tenant. The ageing and expiry fields of a shadow file are not looked at.
type UnixPW struct {
	path      string
	accounts  []aaa.AccountID
	processor *limits.Processor // where hashes wait for their turn; nil: they don't
	most      usersfile.Cost

	mu     sync.Mutex
	file   *usersfile.File
	info   os.FileInfo // of the file when it was read
	readAt time.Time
}

// NewUnixPW makes the action. With an empty path or no accounts nobody may use it. The
// file is read when first asked for, and again when it has changed.
func NewUnixPW(path string, accounts []aaa.AccountID, processor *limits.Processor, most usersfile.Cost) *UnixPW {
	return &UnixPW{path: path, accounts: slices.Clone(accounts), processor: processor, most: most}
}

// Spec implements router.Action.
func (*UnixPW) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "UNIX-PW", Does: "compares name and password with the host's password file, if the operator allows it; otherwise ERROR",
		Later: byPassword, Decides: true,
	}
}

// Run implements router.Action.
func (a *UnixPW) Run(m *router.Machine, _ *fsm.Line) fsm.Event {
	if a.path == "" || !slices.Contains(a.accounts, m.Level().Account) {
		m.Log().Error("UNIX-PW: the operator does not allow it for this document: see the flags --unix-password-file and --unix-password-accounts of serve",
			"document", m.Level().Account)
		return soon(m, fsm.ERROR)
	}
	log := m.Log()
	return withLogin(m, func(ctx context.Context, l *login) router.Answer {
		file, err := a.load(log)
		if err != nil {
			log.Error("UNIX-PW: the password file can't be read", "error", err)
			return router.Answer{Event: fsm.ERROR}
		}
		return l.by(ctx, a.processor, file)
	})
}

// settled is how long a file must have been unchanged before its time of modification is
// believed: two changes within a tick of the file system's clock look like one.
const settled = 2 * time.Second

// load returns the file as it is now.
func (a *UnixPW) load(log *slog.Logger) (*usersfile.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	info, err := os.Stat(a.path)
	if err != nil {
		return nil, err
	}
	same := a.file != nil && os.SameFile(info, a.info) && info.Size() == a.info.Size() && info.ModTime().Equal(a.info.ModTime())
	if same && a.readAt.Sub(info.ModTime()) > settled {
		return a.file, nil
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	readAt := time.Now()
	f, err := os.Open(a.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, usersfile.MaxText+1))
	if err != nil {
		return nil, err
	}
	if len(text) > usersfile.MaxText {
		return nil, fmt.Errorf("it has more than %d octets", usersfile.MaxText)
	}
	// An entry with a fault is one that can't log in; it must not keep all others out.
	file, faults := usersfile.ParseUpTo(text, a.most)
	if len(faults) > 0 && !same {
		log.Warn("UNIX-PW: entries of the password file can't be used", "faults", len(faults),
			"first_line", faults[0].Line, "first", faults[0].Message)
	}
	a.file, a.info, a.readAt = file, info, readAt
	return file, nil
}
