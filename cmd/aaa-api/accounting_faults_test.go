package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/engines/enginetest"
	"aaa-api/internal/store/pgtest"
)

// soaking reports whether the faults are to be played at length.
func soaking() bool { return os.Getenv("SOAK") != "" }

// short is n, or few where the test must not take long.
func short(n, few int) int {
	if soaking() {
		return n
	}
	return few
}

// accountingTenant makes an account whose records go to port, and the load of its records.
func accountingTenant(t *testing.T, p *process, token, name string, port int, members string) *records {
	t.Helper()
	made := call(t, token, "PUT", p.url+"/v2/accounts", `{"data":{"name":"`+name+`"}}`).want(t, http.StatusCreated)
	l := &records{token: token, name: name}
	l.moved(p, fmt.Sprint(made.Data["id"]))
	call(t, token, "PUT", *l.url.Load(), accountingDocument(port, members)).want(t, http.StatusCreated)
	return l
}

// moved tells the load at which node the account is served from now on.
func (l *records) moved(p *process, id string) {
	l.id = id
	url := p.url + "/v2/accounts/" + id + "/aaa"
	l.url.Store(&url)
}

// kill ends the process as a power cut does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// TestKilledNode kills the node again and again under load: every record that was taken reaches the server, in the order of its session.
func TestKilledNode(t *testing.T) {
	t.Parallel()
	for name, network := range map[string]func(t *testing.T, port int) int{
		"good network": func(_ *testing.T, port int) int { return port },
		"lossy network": func(t *testing.T, port int) int {
			var mu sync.Mutex
			dice := rand.New(rand.NewPCG(1, 2))
			return int(enginetest.Impair(t, netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)), func(int, bool) (int, time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				switch n := dice.IntN(100); {
				case n < 20:
					return 0, 0
				case n < 30:
					return 2, time.Millisecond
				}
				return 1, 0
			}).Port())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := migratedDir(t)
			b := startBilling(t)
			p := start(t, dir, nil)
			token := readToken(t, dir, "admin.token")
			l := accountingTenant(t, p, token, "killed", network(t, b.port), "")
			ctx, stop := context.WithCancel(t.Context())
			var load sync.WaitGroup
			load.Go(func() { l.run(ctx, 16, 500) })
			for range short(50, 3) {
				before := l.count()
				eventually(t, "records are taken", func() bool { return l.count() > before+200 })
				p.kill()
				p = start(t, dir, nil)
				l.moved(p, l.id)
			}
			before := l.count()
			eventually(t, "records are taken after the last restart", func() bool { return l.count() > before+100 })
			stop()
			load.Wait()
			l.delivered(t, b)
			p.stop()
		})
	}
}

// TestDatabaseAway stops PostgreSQL under load: records are taken all the while, the node is killed while the database is away, and nothing that was
// taken is lost.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Private(t)
	dir := t.TempDir()
	env := []string{"AAA_API_DATABASE_URL=" + cluster.URL("postgres")}
	b := startBilling(t)
	p := start(t, dir, env)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "away", b.port, "")
	begin := func() (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		var load sync.WaitGroup
		load.Go(func() { l.run(ctx, 16, 500) })
		return func() { cancel(); load.Wait() }
	}
	stop := begin()
	more := func(n int, when string) {
		t.Helper()
		before := l.count()
		within(t, 10*time.Minute, "records are taken "+when, func() bool { return l.count() > before+n })
	}
	more(100, "before")
	if !soaking() { // what is under way when the database goes may wait for the end of a lease, 45 s
		stop()
		within(t, 20*time.Second, "what came right behind another one is delivered", func() bool { return l.ledger(t)["waiting"] == 0 })
		l.name = "while away"
	}
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	if !soaking() {
		stop = begin()
	}
	more(short(50_000, 300), "while the database is away")
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	more(200, "after it is back")
	if !soaking() { // so may what is under way when the node is killed
		stop()
		l.delivered(t, b)
		p.stop()
		return
	}
	if err := cluster.Crash(); err != nil {
		t.Fatal(err)
	}
	more(100, "while it is away again")
	p.kill()
	stop()
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	p = start(t, dir, env)
	l.moved(p, l.id)
	l.delivered(t, b)
	p.stop()
}

// TestServerBack: records wait while their server is silent, and the first one is delivered within a second of its being back. A restart in between
// loses none.
func TestServerBack(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		serverBack(t, migratedDir(t), nil)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		serverBack(t, t.TempDir(), []string{"AAA_API_DATABASE_URL=" + migratedDatabase(t)})
	})
}

func serverBack(t *testing.T, dir string, env []string) {
	t.Helper()
	b := startBilling(t)
	p := start(t, dir, env)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "back", b.port, `"accounting_delivery":"stored",`)
	l.quiet()
	post := func(session, status string) {
		t.Helper()
		code, result := l.post(t.Context(), session, status, "", "")
		if code != http.StatusOK || result != "stored" {
			t.Fatalf("%s of %s: %d %s", status, session, code, result)
		}
		l.note(session, status, code)
	}
	post("first", "Start")
	eventually(t, "the first record is delivered", func() bool { return b.count() == 1 })
	b.silent.Store(true)
	sessions := short(200, 40)
	for i := range sessions {
		for _, status := range accountingStatuses {
			post(fmt.Sprint("waits-", i), status)
		}
	}
	p.stop()
	p = start(t, dir, env)
	l.moved(p, l.id)
	if counts := l.ledger(t); counts["waiting"] != float64(3*sessions) {
		t.Errorf("after a restart wait %v", counts)
	}
	time.Sleep(time.Duration(short(60, 2)) * time.Second) // the server is silent past every timer
	b.silent.Store(false)
	back := time.Now()
	eventually(t, "records are delivered", func() bool { return b.count() > 1 })
	if took := b.second().Sub(back); took > 2*time.Second {
		t.Errorf("the first record came %v after its server was back", took)
	}
	l.delivered(t, b)
	p.stop()
}

// TestNeverAnswered: one record of many that its server never answers delays no other, is parked when its time is over, is listed with its attempts, and can be sent
// again or dropped.
func TestNeverAnswered(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	b := startBilling(t, func(session, _ string) bool { return session == "poison" })
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "poisoned", b.port, `"accounting_delivery":"stored","accounting_keep":60,`)
	l.quiet()
	many := short(1000, 200)
	for i := range many {
		session := fmt.Sprint("good-", i)
		if i == many/2 {
			session = "poison"
		}
		if code, _ := l.post(t.Context(), session, "Start", "", ""); code != http.StatusOK {
			t.Fatalf("record %d: %d", i, code)
		}
	}
	eventually(t, "all others are delivered", func() bool { return b.count() == many-1 })
	eventually(t, "it alone waits", func() bool {
		counts := l.ledger(t)
		return counts["waiting"] == 1 && counts["parked"] == 0 && int(counts["delivered"]) == many-1
	})
	if !soaking() {
		return // its minute is not waited for
	}
	within(t, 3*time.Minute, "it is parked", func() bool { return l.ledger(t)["parked"] == 1 })
	var list struct {
		Data []struct{ ID, State, Reason string }
	}
	a := call(t, token, "GET", *l.url.Load()+"/spool?filter_state=parked", "").want(t, http.StatusOK)
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil || len(list.Data) != 1 {
		t.Fatalf("%v: %s", err, a.Body)
	}
	call(t, token, "DELETE", *l.url.Load()+"/spool/"+list.Data[0].ID, "").want(t, http.StatusOK)
	if counts := l.ledger(t); counts["dropped"] != 1 || counts["parked"] != 0 {
		t.Errorf("it is not dropped: %v", counts)
	}
}

// TestDiskOfRecordsFull fills the disk of the data folder: what can't be stored is not acknowledged, Interims are refused before Stops, and what was acknowledged is
// delivered when the server is back.
func TestDiskOfRecordsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	disk := dir + "/data"
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=48m"); err != nil {
		t.Skipf("a file system can't be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	b := startBilling(t)
	b.silent.Store(true)
	p := start(t, dir, nil)
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, p, token, "full", b.port, `"accounting_delivery":"stored",`)
	l.quiet()
	padding := ""
	for n := range 14 {
		padding += fmt.Sprintf(`,"padding-%d":%q`, n, strings.Repeat("0123456789abcdef", 240)) // a value has a bound
	}
	refusedAt := map[string]int{}
	for i := 0; i < 5000 && len(refusedAt) < len(accountingStatuses); i++ {
		for _, status := range accountingStatuses {
			session := fmt.Sprintf("full-%s-%d", status, i) // of its own, so that none replaces or follows another
			code, result := l.post(t.Context(), session, status, "", padding)
			if !l.note(session, status, code) {
				if code != http.StatusServiceUnavailable {
					t.Fatalf("%s: %d %s", session, code, result)
				}
				if _, ok := refusedAt[status]; !ok {
					refusedAt[status] = i
				}
			}
		}
	}
	if len(refusedAt) < len(accountingStatuses) {
		t.Fatalf("the disk did not fill up: refused were %v of %d", refusedAt, l.answered)
	}
	// One write of the database can take more of so small a disk than is between the bounds of two kinds.
	if refusedAt["Interim-Update"] > refusedAt["Start"] || refusedAt["Start"] > refusedAt["Stop"]+2 {
		t.Errorf("refused first: %v", refusedAt)
	}
	p.kill()
	b.silent.Store(false)
	p = start(t, dir, nil)
	l.moved(p, l.id)
	l.delivered(t, b)
	p.stop()
}

// TestTwoNodesDeliver: of two nodes on one database one is killed, and the other delivers what it had stored.
func TestTwoNodesDeliver(t *testing.T) {
	t.Parallel()
	if !soaking() {
		t.Skip("waits for the end of leases, 45 s; part of make soak")
	}
	dir := t.TempDir()
	env := []string{"AAA_API_DATABASE_URL=" + migratedDatabase(t)}
	b := startBilling(t)
	b.silent.Store(true)
	one := start(t, dir, env)
	two := start(t, t.TempDir(), env, "--key-file="+dir+"/data/secret.key")
	token := readToken(t, dir, "admin.token")
	l := accountingTenant(t, one, token, "two", b.port, "")
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	load.Go(func() { l.run(ctx, 4, 200) })
	eventually(t, "records are taken", func() bool { return l.count() > 10 })
	one.kill()
	stop()
	load.Wait()
	b.silent.Store(false)
	l.moved(two, l.id)
	l.delivered(t, b)
	two.stop()
}
