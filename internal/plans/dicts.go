package plans

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"

	"aaa-api/internal/aaa"
	"aaa-api/internal/dict"
	"aaa-api/internal/store"
)

// storedDict is an account's own dictionary, as stored and ready for use.
type storedDict struct {
	stored   store.Dictionary // without Body
	body     packed
	revision int64          // of what is compiled
	compiled *dict.Compiled // nil where it never compiled
}

// compileDicts compiles an account's dictionaries. One that does not compile is used as it
// was in an earlier state, where it did.
func (t *Cache) compileDicts(list []store.Dictionary, earlier *state) map[string]*storedDict {
	if len(list) == 0 {
		return nil
	}
	dicts := make(map[string]*storedDict, len(list))
	for _, d := range list {
		previous, had := earlier.dict(d.Name)
		if had && sameDict(previous.stored, d) {
			dicts[d.Name] = previous
			continue
		}
		now := &storedDict{stored: d, body: pack(d.Body), revision: d.Revision}
		now.stored.Body = nil
		var err error
		if now.compiled, err = t.compileDict(d); err != nil {
			t.logDict(d, err)
			if now.revision = 0; had {
				now.compiled, now.revision = previous.compiled, previous.revision
			}
		}
		dicts[d.Name] = now
	}
	return dicts
}

// readDicts reads an account's dictionaries, of those that are known without the bodies. Those are megabytes each, and while a
// change has them read again, the changes of all other accounts wait.
func (t *Cache) readDicts(ctx context.Context, id aaa.AccountID, known *state) ([]store.Dictionary, error) {
	if known == nil {
		return t.store.Dictionaries().All(ctx, id)
	}
	heads, _, err := t.store.Dictionaries().List(ctx, id, store.Page{})
	if err != nil {
		return nil, err
	}
	list := heads[:0]
	for _, d := range heads {
		if had, ok := known.dict(d.Name); !ok || !sameDict(had.stored, d) {
			d, err = t.store.Dictionaries().Get(ctx, id, d.ID)
			if errors.Is(err, store.ErrNotFound) {
				continue // deleted meanwhile, of which a change will tell
			}
			if err != nil {
				return nil, err
			}
		}
		list = append(list, d)
	}
	return list, nil
}

// sameDict reports whether two reads are of one write. The time tells of a restored backup.
func sameDict(a, b store.Dictionary) bool {
	return a.ID == b.ID && a.Revision == b.Revision && a.UpdatedAt.Equal(b.UpdatedAt)
}

// dict finds an account's own dictionary; s may be nil.
func (s *state) dict(name string) (*storedDict, bool) {
	if s == nil {
		return nil, false
	}
	d, ok := s.dicts[name]
	return d, ok
}

func (t *Cache) logDict(d store.Dictionary, err error) {
	t.log.Error("stored dictionary does not compile", "account", d.Account, "dictionary", d.Name, "revision", d.Revision, "error", err)
}

// compileDict compiles a stored dictionary. It refers to itself and the system's alone, so its name and its text
// decide what it compiles to: equal ones are compiled once and shared, and no other tenant's change can break it.
func (t *Cache) compileDict(d store.Dictionary) (*dict.Compiled, error) {
	return t.dicts.Get(dictKey(d), func() (*dict.Compiled, error) {
		entries, err := dict.ParseJSON(d.Body)
		if err != nil {
			return nil, err
		}
		return dict.CompileStored(d.Name, entries, t.system.Default())
	})
}

// Uploaded shares what an upload compiles to, so that its change compiles nothing again. d has the name and the body
// that are stored. The caller holds the result until the change is in use.
func (t *Cache) Uploaded(d store.Dictionary, c *dict.Compiled) *dict.Compiled {
	c, _ = t.dicts.Get(dictKey(d), func() (*dict.Compiled, error) { return c, nil })
	return c
}

// dictKey hashes all that decides what a dictionary compiles to.
func dictKey(d store.Dictionary) (key [sha256.Size]byte) {
	h := sha256.New()
	_, _ = io.WriteString(h, d.Name+"\x00") // no name holds U+0000
	_, _ = h.Write(d.Body)
	h.Sum(key[:0])
	return key
}
