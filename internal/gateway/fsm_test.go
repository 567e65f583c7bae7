package gateway

import (
	"slices"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/store"
)

// table writes a state machine table of an account, anew or in place of the one of that name.
func (f *fixture) table(account, name, text string) {
	f.t.Helper()
	t := store.Text{Account: f.ids[account], Kind: store.TextFSM, Name: name, Body: text}
	if _, err := f.store.Texts().Get(f.ctx, t.Account, t.Kind, name); err != nil {
		_, err = f.store.Texts().Create(f.ctx, t)
		f.must(err)
	} else {
		_, err = f.store.Texts().Replace(f.ctx, t, store.AnyRevision)
		f.must(err)
	}
	f.sync()
}

// only is a table that asks one server for everything.
func only(server string) string {
	return strings.ReplaceAll(`
Start:
	*.+AUTHEN.ACK   RAD2RAD  Wait  Xstring=SERVER
	*.+ACCT.ACK     RAD2RAD  Wait  Xstring=SERVER
Wait:
	*.RAD2RAD.ACK   REPLY    Hold
	*.RAD2RAD.NAK   REPLY    Hold
	*.*.TIMEOUT     NULL     End
Hold:
	*.*.TIMEOUT     NULL     End
End:
`, "SERVER", server)
}

func (f *fixture) asks(account string, op aaa.Op, want ...string) {
	f.t.Helper()
	f.engine.take()
	_, err := f.ask(account, op, nil)
	if got := f.engine.take(); !slices.Equal(got, want) {
		f.t.Errorf("%s of %s asked %v, want %v (error %v)", op, account, got, want, err)
	}
}

// TestTablesAreInherited: a document that is used through inheritance brings its table; a
// document of one's own without one runs on the built-in.
func TestTablesAreInherited(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.table("reseller", "second", only("b"))
	f.put("reseller", with(doc("on", "a", "b"), `"fsm":"second"`))
	f.asks("customer", aaa.Authn, "b")
	f.asks("reseller", aaa.Authn, "b")
	f.put("customer", doc("inherit", "c"))
	f.asks("customer", aaa.Authn, "c")
	f.asks("sibling", aaa.Authn, "b")

	// The nearest table of a name counts, as with dictionaries.
	f.put("customer", with(doc("on", "c", "d"), `"fsm":{"authn":"second"}`))
	f.asks("customer", aaa.Authn) // the reseller's asks b, which this document lacks
	f.table("customer", "second", only("d"))
	f.asks("customer", aaa.Authn, "d")
	e, err := f.gateway.Effective(f.ctx, f.ids["customer"], aaa.Authn)
	f.must(err)
	if want := (TableSource{Name: "second", Owner: f.ids["customer"], Revision: 1}); e.Levels[0].FSM != want {
		t.Errorf("in force is %+v, want %+v", e.Levels[0].FSM, want)
	}
	f.asks("customer", aaa.Accounting, "c") // its table is for authn alone
	f.asks("sibling", aaa.Authn, "b")
}

// TestTableReload: a table written is used at once, by everyone whose document names it.
func TestTableReload(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.table("reseller", "t", only("a"))
	f.put("reseller", with(doc("on", "a", "b"), `"fsm":"t"`))
	f.asks("customer", aaa.Authn, "a")
	for _, server := range []string{"b", "a", "b"} {
		f.table("reseller", "t", only(server))
		f.asks("customer", aaa.Authn, server)
		f.asks("sibling", aaa.Accounting, server)
	}
}

// TestRequestKeepsItsTable: what began on one table ends on it, whatever is written meanwhile.
func TestRequestKeepsItsTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.table("reseller", "t", strings.Replace(only("a"), "*.RAD2RAD.NAK   REPLY    Hold", "*.RAD2RAD.NAK   RAD2RAD  Wait  Xstring=b", 1))
	f.put("reseller", with(doc("on", "a", "b", "c"), `"fsm":"t"`))
	asked, goOn := make(chan bool), make(chan bool)
	f.engine.set("a", func(r *engines.Request) (*engines.Reply, error) {
		asked <- true
		<-goOn
		return rejects(r)
	})
	end := make(chan string)
	go func() {
		res, err := f.ask("customer", aaa.Authn, nil)
		if err != nil {
			end <- err.Error()
			return
		}
		end <- res.Server
	}()
	<-asked
	f.table("reseller", "t", only("c"))
	f.asks("sibling", aaa.Authn, "c")
	goOn <- true
	if server := <-end; server != "b" {
		t.Errorf("the request that was under way ended with %s, want server b of its table", server)
	}
}

// TestTableWithoutAnswerHandsOn: the parent's document is asked where a table came to no
// answer, and a table needs no server list.
func TestTableWithoutAnswerHandsOn(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", doc("on", "p"))
	f.table("customer", "t", only("c"))
	f.put("customer", with(doc("inherit", "c"), `"fsm":"t"`))
	f.engine.set("c", silent)
	f.asks("customer", aaa.Authn, "c", "p")

	own := strings.NewReplacer(`"authentication":["c"]`, `"authentication":[]`).Replace(with(doc("on", "c"), `"fsm":"t"`))
	f.put("customer", own)
	f.engine.set("c", nil)
	f.asks("customer", aaa.Authn, "c") // neither accepted locally nor refused
}

// TestRealms: the realm of User-Name chooses the server.
func TestRealms(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.table("customer", "t", `
Start:
	*.+AUTHEN.ACK  REALM  Wait  Xstring=homes
Wait:
	*.REALM.ACK    REPLY  End
	*.REALM.NAK    REPLY  End
	*.REALM.RC1    LOG    Unknown
	*.*.TIMEOUT    NULL   End
Unknown:
	*.LOG.ACK      RAD2RAD Wait2  Xstring=authentication
Wait2:
	*.RAD2RAD.ACK  REPLY  End
End:
`)
	f.put("customer", with(doc("on", "a", "b", "c"), `"fsm":"t","realms":{"homes":{"One.example":"b","":"c"}}`))
	for name, want := range map[string]string{
		"alice@one.EXAMPLE": "b", "alice": "c", `ONE.example\alice`: "b", "alice@two.example": "a", "a@one.example@two.example": "a",
	} {
		f.engine.take()
		res, err := f.ask("customer", aaa.Authn, map[string]any{"User-Name": name})
		if got := f.engine.take(); err != nil || !slices.Equal(got, []string{want}) || res.Server != want {
			t.Errorf("%s asked %v, want %s: %v", name, got, want, err)
		}
	}
}

// TestTablesSeeTheirDocumentAlone: a name in a table means a server of the document, never another tenant's.
func TestTablesSeeTheirDocumentAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put("reseller", doc("on", "theirs"))
	f.put("sibling", doc("on", "neighbour"))
	for _, foreign := range []string{"theirs", "neighbour"} {
		f.table("customer", "t", only(foreign))
		f.put("customer", with(doc("on", "own"), `"fsm":"t"`))
		f.asks("customer", aaa.Authn)
	}
}

// TestChallengeGoesBackThroughTable: the answer to a challenge goes to the server that sent it, whatever the table asks.
func TestChallengeGoesBackThroughTable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.table("customer", "t", `
Start:
	*.+AUTHEN.ACK     RAD2RAD  Wait  Xvalue=1 Xstring=authentication
Wait:
	*.RAD2RAD.ACC_CHAL  REPLY  Kill
	*.RAD2RAD.ACK       REPLY  Kill
	*.RAD2RAD.ERROR     PENDING Wait
	*.PENDING.NAK       REPLY  End
	*.*.TIMEOUT         NULL   End
Kill:
	*.REPLY.ACK         KILL   End
End:
`)
	f.put("customer", with(doc("on", "a", "b"), `"fsm":"t"`))
	f.engine.set("a", silent)
	f.engine.set("b", func(*engines.Request) (*engines.Reply, error) {
		return &engines.Reply{Outcome: aaa.Challenge, State: []byte("s1"), Attempts: 1}, nil
	})
	res, err := f.ask("customer", aaa.Authn, nil)
	if err != nil || res.Outcome != aaa.Challenge || res.State == "" {
		t.Fatalf("%+v, %v", res, err)
	}
	f.must(f.gateway.Wait(f.ctx))
	f.engine.set("a", nil)
	f.engine.set("b", nil)
	f.engine.take()
	res, err = f.ask("customer", aaa.Authn, map[string]any{"User-Name": "alice", "State": res.State})
	if got := f.engine.take(); err != nil || res.Server != "b" || !slices.Equal(got, []string{"b"}) {
		t.Fatalf("the answer to b's challenge went to %v: %+v, %v", got, res, err)
	}
}
