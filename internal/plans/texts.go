package plans

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"unique"

	"aaa-api/internal/fsm"
	"aaa-api/internal/store"
	"aaa-api/internal/usersfile"
)

// storedTable is an account's own state machine table, as stored and ready for use.
type storedTable struct {
	stored   store.Text // without Body
	body     packed
	revision int64      // of what is compiled
	compiled *fsm.Table // nil where it never compiled
}

// storedFile is an account's own users file, ready for use. Its text is not kept.
type storedFile struct {
	stored store.Text        // without Body
	sealed [sha256.Size]byte // of the text as stored: no two writes seal alike
	parsed *usersfile.File   // nil where it never could be read
}

// errNoActions refuses tables where the service was put together without actions.
var errNoActions = errors.New("this service has no actions to run state machine tables with")

// readTexts fetches an account's tables and users files. One that can't be used is used as it
// was in an earlier state, where it could be.
func (t *Cache) readTexts(ctx context.Context, s, before, known *state) error {
	list, err := t.unknownTexts(ctx, s, known)
	if err != nil {
		return err
	}
	for _, text := range list {
		text.Name = unique.Make(text.Name).Value()
		switch text.Kind {
		case store.TextFSM:
			t.addTable(s, before, text)
		case store.TextUsers:
			if err := t.addFile(ctx, s, before, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// unknownTexts reads the texts of an account that are not known, and leaves in s those that are: see readDicts.
func (t *Cache) unknownTexts(ctx context.Context, s, known *state) ([]store.Text, error) {
	id := s.account.ID
	s.tables, s.files = nil, nil
	if known == nil {
		return t.store.Texts().All(ctx, id)
	}
	var list []store.Text
	for _, kind := range []store.TextKind{store.TextFSM, store.TextUsers} {
		heads, _, err := t.store.Texts().List(ctx, id, kind, store.Page{})
		if err != nil {
			return nil, err
		}
		for _, head := range heads {
			if s.keep(known, head) {
				continue
			}
			text, err := t.store.Texts().Get(ctx, id, kind, head.Name)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			list = append(list, text)
		}
	}
	return list, nil
}

// keep takes over a text that known has, as it is stored now.
func (s *state) keep(known *state, head store.Text) bool {
	if table, ok := known.table(head.Name); ok && head.Kind == store.TextFSM && sameText(table.stored, head) {
		s.setTable(table.stored.Name, table)
		return true
	}
	if file, ok := known.file(head.Name); ok && head.Kind == store.TextUsers && sameText(file.stored, head) {
		s.setFile(file.stored.Name, file)
		return true
	}
	return false
}

// sameText reports whether two reads are of one write: a text that is created anew begins with the first revision.
func sameText(a, b store.Text) bool {
	return a.Revision == b.Revision && a.CreatedAt.Equal(b.CreatedAt) && a.UpdatedAt.Equal(b.UpdatedAt)
}

func (s *state) setTable(name string, table *storedTable) {
	if s.tables == nil {
		s.tables = make(map[string]*storedTable)
	}
	s.tables[name] = table
}

func (s *state) setFile(name string, file *storedFile) {
	if s.files == nil {
		s.files = make(map[string]*storedFile)
	}
	s.files[name] = file
}

func (t *Cache) addTable(s, before *state, text store.Text) {
	table := &storedTable{stored: text, body: pack([]byte(text.Body)), revision: text.Revision}
	table.stored.Body = ""
	var err error
	if table.compiled, err = t.compileTable(text.Body); err != nil {
		t.log.Error("stored state machine table does not compile", "account", text.Account, "table", text.Name, "revision", text.Revision, "error", err)
		table.revision = 0
		if earlier, had := before.table(text.Name); had {
			table.compiled, table.revision = earlier.compiled, earlier.revision
		}
	}
	s.setTable(text.Name, table)
}

// addFile opens and parses a users file, unless the earlier state has it already. Its error is one of a
// store that is away: a file that is damaged is logged, without a word of what it holds, and keeps its
// predecessor.
func (t *Cache) addFile(ctx context.Context, s, before *state, text store.Text) error {
	earlier, had := before.file(text.Name)
	file := &storedFile{stored: text, sealed: sha256.Sum256([]byte(text.Body))}
	file.stored.Body = ""
	if had && earlier.parsed != nil && earlier.sealed == file.sealed {
		file.parsed = earlier.parsed
	} else {
		var err error
		if file.parsed, err = t.openFile(ctx, text); err != nil {
			if errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
				return err
			}
			t.log.Error("stored users file has faults", "account", text.Account, "file", text.Name, "revision", text.Revision, "error", err)
			if had {
				file.sealed, file.parsed = earlier.sealed, earlier.parsed
			}
		}
	}
	s.setFile(text.Name, file)
	return nil
}

// openFile returns what could be read beside an error of the text: entries without faults still count.
func (t *Cache) openFile(ctx context.Context, text store.Text) (*usersfile.File, error) {
	clear, err := t.opener.Open(ctx, text.Account, "users/"+text.Name, text.Body)
	if err != nil {
		return nil, err
	}
	file, faults := usersfile.ParseUpTo([]byte(clear.Reveal()), t.hashCost)
	if len(faults) > 0 {
		return file, fmt.Errorf("line %d: %s", faults[0].Line, faults[0].Rule)
	}
	return file, nil
}

// compileTable compiles a table's text; all who have the same text share one Table.
func (t *Cache) compileTable(text string) (*fsm.Table, error) {
	if t.actions == nil {
		return nil, errNoActions
	}
	return t.tables.Get(sha256.Sum256([]byte(text)), func() (*fsm.Table, error) {
		table, faults, _ := fsm.Check([]byte(text), t.actions)
		if len(faults) > 0 {
			return nil, fmt.Errorf("line %d: %s", faults[0].Line, faults[0].Message)
		}
		return table, nil
	})
}

// table finds an account's own table; s may be nil.
func (s *state) table(name string) (*storedTable, bool) {
	if s == nil {
		return nil, false
	}
	table, ok := s.tables[name]
	return table, ok
}

// file finds an account's own users file; s may be nil.
func (s *state) file(name string) (*storedFile, bool) {
	if s == nil {
		return nil, false
	}
	file, ok := s.files[name]
	return file, ok
}
