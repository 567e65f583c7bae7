package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/aaa"
	"aaa-api/internal/config"
	"aaa-api/internal/secmod"
	"aaa-api/internal/store"
	"aaa-api/internal/store/pgtest"
	"aaa-api/internal/store/sqlite"
)

// reload is how long a write may take until another node uses it.
const reload = time.Second

// pair is two nodes on one database.
type pair struct {
	one, two        *process
	database, token string
	env             []string // names the database
	key             string   // the flag that names the key file
}

// TestTwoNodes runs on the same two nodes what it takes two for, each with an account of its own.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	c := &pair{database: migratedDatabase(t)}
	dir := t.TempDir()
	c.env = []string{"AAA_API_DATABASE_URL=" + c.database}
	c.key = "--key-file=" + filepath.Join(dir, "data", "secret.key")
	c.one = start(t, dir, c.env, "--admin-listen=127.0.0.1:0") // where it takes the other's messages
	cert, key := certificateFiles(t, dir, "")
	c.two = start(t, t.TempDir(), append([]string{"SSL_CERT_FILE=" + cert}, c.env...), c.key)
	c.token = readToken(t, dir, "admin.token")
	t.Run("hot reload", c.hotReload)
	t.Run("many writers", c.manyWriters)
	t.Run("bans", c.bans)
	t.Run("one key", c.oneKey)
	t.Run("a node with another key", c.anotherKey)
	t.Run("a node that can't be reached", c.unreachableWarns)
	t.Run("a login is lost", c.loginIsLost)
	t.Run("a login goes on at a node with TLS", func(t *testing.T) { c.loginGoesOnOverTLS(t, cert, key) })
	t.Run("a login goes on at the other node", c.loginGoesOn) // last: it ends both
}

// account makes an account that both nodes know, and returns its path.
func (c *pair) account(t *testing.T, name string) string {
	t.Helper()
	id, _ := call(t, c.token, "PUT", c.one.url+"/v2/accounts", `{"data":{"name":"`+name+`"}}`).want(t, http.StatusCreated).Data["id"].(string)
	path := "/v2/accounts/" + id
	eventually(t, "the account is known on the other node", func() bool {
		return call(t, c.token, "GET", c.two.url+path, "").Status == http.StatusOK
	})
	return path
}

// hotReload writes documents and dictionaries through one node while requests run
// through another on the same database. Each write is in use there within a second, also
// after the connections that listen for notifications were killed, and every
// answer on the way is of one version, whole.
func (c *pair) hotReload(t *testing.T) {
	writer, reader, token := c.one, c.two, c.token
	at := c.account(t, "hot reload") + "/aaa"
	call(t, token, "PUT", writer.url+at+"/dictionary", versionedDictionary(0)).want(t, http.StatusCreated)
	call(t, token, "PUT", writer.url+at, versionedDocument(slowRADIUS(t, func() {}))).want(t, http.StatusCreated)
	call(t, token, "PATCH", writer.url+at, versionedRules(0)).want(t, http.StatusOK)
	versions := func() (rules, dictionary string, err error) {
		a, err := tryCall(context.Background(), token, "POST", reader.url+at+"/authn", `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`)
		if err != nil {
			return "", "", err
		}
		return versionsIn(a)
	}

	eventually(t, "the first version is in use on the other node", func() bool {
		rules, dictionary, _ := versions()
		return rules == "0" && dictionary == "0"
	})
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	defer func() { stop(); load.Wait() }() // clients that outlive the test would hide why it failed
	served := [4]int{}
	for i := range served {
		load.Go(func() {
			for ctx.Err() == nil {
				if _, _, err := versions(); err != nil {
					t.Errorf("under load: %v", err)
					return
				}
				served[i]++
			}
		})
	}
	var slowest time.Duration
	for i := 1; i <= 100; i++ {
		if i%33 == 0 {
			killListeners(t, c.database)
		}
		want := fmt.Sprint(i)
		if i%2 == 0 {
			call(t, token, "PATCH", writer.url+at, versionedRules(i)).want(t, http.StatusOK)
		} else {
			call(t, token, "POST", writer.url+at+"/dictionary?name=dictionary_versioned", versionedDictionary(i)).want(t, http.StatusOK)
		}
		begin := time.Now()
		within(t, reload, "write "+want+" is in use on the other node", func() bool {
			rules, dictionary, err := versions()
			if err != nil {
				t.Fatal(err)
			}
			return rules == want || dictionary == want
		})
		slowest = max(slowest, time.Since(begin))
	}
	stop()
	load.Wait()
	for i, n := range served {
		if n == 0 {
			t.Errorf("client %d had no answer", i)
		}
	}
	t.Logf("the slowest write took %v; requests served meanwhile: %v", slowest, served)
}

// versionsIn reads which version of the rules and of the dictionary made an answer.
// Both are written into two places each: it is an error if those differ.
func versionsIn(a answer) (rules, dictionary string, err error) {
	if a.Status != http.StatusOK || a.Data["AAA-Result"] != "accept" {
		return "", "", fmt.Errorf("status %d: %s", a.Status, a.Body)
	}
	find := func(members map[string]any, prefix string) string {
		found := []string{}
		for name := range members {
			if v, ok := strings.CutPrefix(name, prefix); ok {
				found = append(found, v)
			}
		}
		if len(found) != 1 {
			return fmt.Sprintf("%s%v", prefix, found)
		}
		return found[0]
	}
	avps, _ := a.Data["avps"].(map[string]any)
	rules, dictionary = find(a.Data, "message-"), find(avps, "Greeting-")
	if rules != find(a.Data, "class-") || dictionary != find(avps, "Ticket-") {
		return "", "", fmt.Errorf("half of a change: %s", a.Body)
	}
	return rules, dictionary, nil
}

func versionedDocument(port int) string {
	return strings.Replace(documentFor(port), `"dicts":["dictionary"]`, `"dicts":["dictionary_versioned","dictionary"]`, 1)
}

func versionedRules(i int) string {
	rule := `{"attribute":%q,"request_key":"%s-%d","request_value_regexp":"^(.*)$","attr_value_regexp":"^(.*)$"}`
	return fmt.Sprintf(`{"data":{"authn_avp_translation":[%s,`+rule+`,`+rule+`]}}`,
		demoLogin, "Reply-Message", "message", i, "Class", "class", i)
}

func versionedDictionary(i int) string {
	return fmt.Sprintf(`{"data":{"name":"dictionary_versioned","value":[{"vendor":{"Demo":32473}},
		{"attr":{"vid":32473,"id":1,"type":"string","name":"Greeting-%d"}},
		{"attr":{"vid":32473,"id":2,"type":"integer","name":"Ticket-%[1]d"}}]}}`, i)
}

// killListeners ends the connections that wait for notifications, of every node.
func killListeners(t *testing.T, database string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	var killed int
	// A listener may be on its way back from the last time.
	eventually(t, "two listeners are killed", func() bool {
		err := conn.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND query ILIKE 'listen%'`).Scan(&killed)
		if err != nil {
			t.Fatal(err)
		}
		return killed >= 2
	})
}

// TestDatabaseGoesAway stops the database under a warm node: AAA requests and reads of what
// is warm go on, writes are told to come again, and all recovers by itself.
func TestDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	cluster := pgtest.Private(t)
	dir := t.TempDir()
	p := start(t, dir, []string{"AAA_API_DATABASE_URL=" + cluster.URL("postgres")})
	token := readToken(t, dir, "admin.token")
	at := p.url + "/v2/accounts/" + rootOf(t, p, token) + "/aaa"
	call(t, token, "PUT", at, documentFor(slowRADIUS(t, func() {}))).want(t, http.StatusCreated)
	const request = `{"data":{"User-Name":"alice","User-Password":"wonderland"}}`
	call(t, token, "POST", at+"/authn", request).want(t, http.StatusOK)
	child, _ := call(t, token, "PUT", strings.TrimSuffix(at, "/aaa"), `{"data":{"name":"child"}}`).want(t, http.StatusCreated).Data["id"].(string)
	below := p.url + "/v2/accounts/" + child
	call(t, token, "GET", below+"/aaa", "").want(t, http.StatusNotFound) // and warm from here on

	for round := range 2 {
		var err error
		if round == 0 {
			err = cluster.Stop()
		} else {
			err = cluster.Crash()
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			call(t, token, "POST", at+"/authn", request).want(t, http.StatusOK).has(t, "AAA-Result", "accept")
		}
		call(t, token, "GET", at, "").want(t, http.StatusOK).has(t, "aaa_mode", "on")
		call(t, token, "GET", below, "").want(t, http.StatusOK).has(t, "name", "child")
		call(t, token, "GET", below+"/aaa", "").want(t, http.StatusNotFound)
		call(t, token, "GET", below+"/aaa/dictionary/dictionary_juniper", "").want(t, http.StatusOK).has(t, "owner", "system_config")
		call(t, token, "GET", below+"/aaa/fsm/sequential", "").want(t, http.StatusOK).has(t, "owner", "system_config")
		call(t, token, "GET", at+"/revisions", "").want(t, http.StatusServiceUnavailable)
		call(t, token, "PATCH", at, `{"data":{"workers":9}}`).want(t, http.StatusServiceUnavailable)
		eventually(t, "the node says that it is degraded", func() bool {
			return strings.Contains(call(t, "", "GET", p.url+"/readyz", "").want(t, http.StatusOK).Body, `"status":"degraded"`)
		})
		call(t, token, "GET", p.url+"/healthz", "").want(t, http.StatusOK)
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the node is ready again", func() bool {
			return strings.Contains(call(t, "", "GET", p.url+"/readyz", "").Body, `"status":"ok"`)
		})
		workers := 10 + round
		call(t, token, "PATCH", at, fmt.Sprintf(`{"data":{"workers":%d}}`, workers)).want(t, http.StatusOK).has(t, "workers", workers)
		call(t, token, "POST", at+"/authn", request).want(t, http.StatusOK)
	}
	p.stop()
}

// TestNodesStartAtOnce starts three nodes with one key file on an empty database: all come
// up, and one of them has made the root account.
func TestNodesStartAtOnce(t *testing.T) {
	t.Parallel()
	env := []string{"AAA_API_DATABASE_URL=" + pgtest.Open(t)}
	key := "--key-file=" + filepath.Join(t.TempDir(), "key")
	var nodes []*process
	var tokens []string
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	for _, dir := range dirs {
		nodes = append(nodes, launch(t, dir, env, key))
	}
	for _, n := range nodes {
		n.await()
	}
	for _, dir := range dirs {
		if text, err := os.ReadFile(filepath.Join(dir, "data", "admin.token")); err == nil {
			tokens = append(tokens, strings.TrimSpace(string(text)))
		}
	}
	if len(tokens) != 1 {
		t.Fatalf("%d nodes made a token, want one", len(tokens))
	}
	for _, n := range nodes {
		call(t, tokens[0], "GET", n.url+"/v2/whoami", "").want(t, http.StatusOK)
		n.stop()
	}
}

// firstAsked is the keys of a store to which something happens as soon as it is first asked of.
type firstAsked struct {
	store.Keys
	happens func()
}

func (k *firstAsked) Get(ctx context.Context, account aaa.AccountID) ([]byte, error) {
	if happens := k.happens; happens != nil {
		k.happens = nil
		happens()
	}
	return k.Keys.Get(ctx, account)
}

// TestNodeThatFindsNoKeyAndThenASeal lets another node make the key file and seal the store
// between this one's look for the file and its look for the seal.
func TestNodeThatFindsNoKeyAndThenASeal(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	cfg := &config.Config{KeyFile: filepath.Join(dir, "key")}
	if err := sqlite.Migrate(ctx, filepath.Join(dir, "db")); err != nil {
		t.Fatal(err)
	}
	st, err := sqlite.Open(ctx, filepath.Join(dir, "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	keys := &firstAsked{Keys: st.Keys(), happens: func() {
		if _, _, err := openVault(ctx, cfg, st.Keys()); err != nil {
			t.Error("the other node:", err)
		}
	}}
	if _, _, err := openVault(ctx, cfg, keys); err != nil {
		t.Error(err)
	}
}

// anotherKey starts one more node on a sealed database: with another key it refuses and says so.
func (c *pair) anotherKey(t *testing.T) {
	_, stderr, code := output(t, t.TempDir(), c.env, "serve", "--listen=127.0.0.1:0")
	if code != 1 || !strings.Contains(stderr, "copy the key file of another node") {
		t.Errorf("without a key: code %d: %s", code, stderr)
	}
	key := filepath.Join(t.TempDir(), "key")
	if _, err := secmod.CreateKeyFile(key); err != nil {
		t.Fatal(err)
	}
	_, stderr, code = here(t, t.TempDir(), "", c.env, "serve", "--listen=127.0.0.1:0", "--key-file="+key)
	if code != 1 || !strings.Contains(stderr, "does not open the seal of this database") {
		t.Errorf("with another key: code %d: %s", code, stderr)
	}
}

func rootOf(t *testing.T, p *process, token string) string {
	t.Helper()
	root, _ := call(t, token, "GET", p.url+"/v2/whoami", "").want(t, http.StatusOK).Data["account_id"].(string)
	return root
}
