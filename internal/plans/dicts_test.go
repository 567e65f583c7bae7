package plans

import (
	"runtime"
	"strings"
	"testing"

	"aaa-api/internal/dict"
	"aaa-api/internal/store"
)

// dict stores an account's dictionary, the first or the next.
func (f *fixture) dict(account, name, body string) {
	f.t.Helper()
	d, err := f.store.Dictionaries().ByName(f.ctx, f.ids[account], name)
	d.Account, d.Name, d.Body = f.ids[account], name, []byte(body)
	if err == nil {
		_, err = f.store.Dictionaries().Replace(f.ctx, d, store.AnyRevision)
	} else {
		_, err = f.store.Dictionaries().Create(f.ctx, d)
	}
	f.must(err)
	f.sync()
}

// TestEmptiedDictionary: a dictionary in use that has no entries any more has none.
func TestEmptiedDictionary(t *testing.T) {
	t.Parallel()
	for _, empty := range []string{`[]`, `null`} { // null was written by an earlier version
		f := newFixture(t)
		f.dict("root", "mine", `[{"attr":{"id":200,"type":"string","name":"Mine"}}]`)
		f.put("reseller", `"servers":[{"enabled":true,"name":"a","address":"192.0.2.1","port":1812,"retries":0,"timeout":1000,"secret":"s3cr3t","aaa_engine":"radius","dicts":["mine"]}]`)
		if f.level("customer").Server("a").Dict.ByName("Mine") == nil {
			t.Fatal("the dictionary is not in use")
		}
		f.dict("root", "mine", empty)
		if f.level("customer").Server("a").Dict.ByName("Mine") != nil {
			t.Errorf("%s: the version of before is still in force", empty)
		}
	}
}

// TestBrokenDictionary: a stored dictionary that can't be read stops nothing but itself.
func TestBrokenDictionary(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.dict("root", "broken", `[{"nonsense":1}]`)
	f.dict("reseller", "mine", `[{"attr":{"id":200,"type":"string","name":"Mine"}}]`)
	visible, err := f.tenants.Visible(f.ctx, f.ids["customer"])
	f.must(err)
	if visible.ByName("Mine") == nil || visible.ByName("User-Name") == nil {
		t.Error("what is not broken is not visible")
	}
	if log := f.log.String(); !strings.Contains(log, "does not compile") || !strings.Contains(log, "dictionary=broken") {
		t.Errorf("the log tells nothing of it:\n%s", log)
	}

	// One that breaks while it is in use stays in use as it was; memory tells what is stored.
	f.put("reseller", `"servers":[{"enabled":true,"name":"a","address":"192.0.2.1","port":1812,"retries":0,"timeout":1000,"secret":"s3cr3t","aaa_engine":"radius","dicts":["mine"]}]`)
	f.level("customer")
	f.dict("reseller", "mine", `[{"nonsense":2}]`)
	if f.level("customer").Server("a").Dict.ByName("Mine") == nil {
		t.Error("what was in force is not any more")
	}
	for owner, want := range map[string]string{"root": `broken [{"nonsense":1}]`, "reseller": `mine [{"nonsense":2}]`} {
		list, err := f.tenants.Dictionaries(f.ids[owner])
		f.must(err)
		for _, key := range []string{list[0].ID, list[0].Name} {
			got, err := f.tenants.Dictionary(f.ids[owner], key)
			f.must(err)
			if len(list) != 1 || got.Name+" "+string(got.Body) != want {
				t.Errorf("%s: %d dictionaries, %s %s; want %s", owner, len(list), got.Name, got.Body, want)
			}
		}
	}
}

// TestUploadIsCompiledOnce: the change of an upload takes over what the upload compiled, and so does whoever looks it up.
func TestUploadIsCompiledOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	const body = `[{"vendor":{"Acme":32473}},{"attr":{"vid":32473,"id":1,"type":"string","name":"Acme-One"}}]`
	entries, err := dict.ParseJSON([]byte(body))
	f.must(err)
	compile := func() *dict.Compiled {
		c, err := dict.CompileUpload("mine", "", entries, nil, f.tenants.system.Default())
		f.must(err)
		return c
	}
	_, err = f.tenants.Account(f.ctx, f.ids["customer"]) // warm
	f.must(err)
	made := compile()
	if f.tenants.Uploaded(store.Dictionary{Name: "mine", Body: []byte(body)}, made) != made {
		t.Fatal("the first upload is not its own")
	}
	f.dict("root", "mine", body)
	visible, err := f.tenants.Visible(f.ctx, f.ids["customer"])
	f.must(err)
	if visible.List()[0] != made {
		t.Error("the change compiles the dictionary again")
	}
	if c, _, err := f.tenants.Lookup(f.ctx, f.ids["customer"], "mine"); err != nil || c != made {
		t.Errorf("a document's look-up compiles the dictionary again: %v", err)
	}
	f.dict("reseller", "mine", body) // another account's with the same text
	if c, _, err := f.tenants.Lookup(f.ctx, f.ids["customer"], "mine"); err != nil || c != made {
		t.Errorf("an equal dictionary is compiled again: %v", err)
	}
	f.dict("root", "other", body)
	if c, _, err := f.tenants.Lookup(f.ctx, f.ids["customer"], "other"); err != nil || c == made || c.Name() != "other" {
		t.Errorf("another name has the same dictionary: %v", err)
	}
	runtime.KeepAlive(made)
}
