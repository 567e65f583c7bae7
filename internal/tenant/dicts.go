package tenant

import (
	"aaa-api/internal/dict"
	"aaa-api/internal/store"
)

// storedDict is an account's own dictionary, ready for use.
type storedDict struct {
	revision int64
	compiled *dict.Compiled
}

// compileDicts compiles an account's dictionaries. One that does not compile keeps
// its predecessor from an earlier state, and is left out where there was none.
func (t *Tenants) compileDicts(list []store.Dictionary, earlier *state) map[string]storedDict {
	if len(list) == 0 {
		return nil
	}
	dicts := make(map[string]storedDict, len(list))
	for _, d := range list {
		c, err := t.compileDict(d)
		if err == nil {
			dicts[d.Name] = storedDict{d.Revision, c}
			continue
		}
		t.logDict(d, err)
		if earlier != nil {
			if previous, ok := earlier.dicts[d.Name]; ok {
				dicts[d.Name] = previous
			}
		}
	}
	return dicts
}

func (t *Tenants) logDict(d store.Dictionary, err error) {
	t.log.Error("stored dictionary does not compile", "account", d.Account, "dictionary", d.Name, "revision", d.Revision, "error", err)
}

// compileDict compiles a stored dictionary. Beside itself it refers to the system's
// alone, so that no change of another tenant's can break it.
func (t *Tenants) compileDict(d store.Dictionary) (*dict.Compiled, error) {
	entries, err := dict.ParseJSON(d.Body)
	if err != nil {
		return nil, err
	}
	return dict.CompileStored(d.Name, entries, t.system.Default())
}
