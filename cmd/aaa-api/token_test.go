package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
	"aaa-api/internal/token"
)

// tokenCommands works on the database that a node with --demo has open.
func tokenCommands(t *testing.T, dir string, p *process) {
	stdout, _, code := output(t, dir, nil, "token", "create", "--account="+string(demoTenant), "--scopes=read,request", "--note=till 7")
	lines := strings.Split(strings.TrimRight(stdout, "\n"), "\n")
	text := lines[len(lines)-1]
	if code != 0 || len(text) != 47 || strings.ContainsAny(text, " \t") {
		t.Fatalf("code %d, last line %q", code, text)
	}
	tenant := p.url + "/v2/accounts/" + string(demoTenant)
	call(t, text, "GET", tenant, "").want(t, http.StatusOK)
	call(t, text, "PATCH", tenant+"/aaa", `{"data":{"workers":7}}`).want(t, http.StatusForbidden)
	call(t, text, "GET", p.url+"/v2/accounts/"+string(demoProvider), "").want(t, http.StatusNotFound)

	stdout, _, _ = here(t, dir, "", nil, "token", "list", "--account="+string(demoTenant))
	if !strings.Contains(stdout, "read,request") || !strings.Contains(stdout, `"till 7"`) || strings.Contains(stdout, text) {
		t.Errorf("list:\n%s", stdout)
	}
	id := strings.Fields(lines[0])[1]
	if _, stderr, code := here(t, dir, "", nil, "token", "revoke", id); code != 1 || !strings.Contains(stderr, "has no token") {
		t.Errorf("revoked under another account: code %d: %s", code, stderr)
	}
	if stdout, _, code := here(t, dir, "", nil, "token", "revoke", id, "--account="+string(demoTenant)); code != 0 {
		t.Errorf("revoke: code %d: %s", code, stdout)
	}
	eventually(t, "the running node refuses the token", func() bool {
		return call(t, text, "GET", tenant, "").Status == http.StatusUnauthorized
	})
}

func TestTokenCommandsRefuse(t *testing.T) {
	t.Parallel()
	if _, stderr, code := here(t, t.TempDir(), "", nil, "token", "list"); code != 1 || !strings.Contains(stderr, "no database yet") {
		t.Errorf("before the first start: code %d: %s", code, stderr)
	}
	dir := migratedDir(t)
	st := openStoreIn(t, dir)
	if _, stderr, code := here(t, dir, "", nil, "token", "list"); code != 1 || !strings.Contains(stderr, "no root account yet") {
		t.Errorf("before the first start has made the root: code %d: %s", code, stderr)
	}
	if _, err := st.Accounts().Create(t.Context(), store.Account{ID: aaa.NewAccountID(), Name: "root", Enabled: true}); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no time":         {[]string{"create", "--expires=soon"}, 2, `--expires: "soon" is neither a time to come`},
		"time is over":    {[]string{"create", "--expires=2020-01-01T00:00:00Z"}, 2, "neither a time to come"},
		"no days":         {[]string{"create", "--expires=0d"}, 2, "neither a time to come"},
		"empty time":      {[]string{"create", "--expires="}, 2, "neither a time to come"},
		"empty account":   {[]string{"create", "--account="}, 2, "--account is empty"},
		"empty, to list":  {[]string{"list", "--account="}, 2, "--account is empty"},
		"no token named":  {[]string{"revoke"}, 2, "wanted: aaa-api token revoke ID"},
		"not an id":       {[]string{"create", "--account=acme"}, 2, "32 lower-case hexadecimal"},
		"unknown account": {[]string{"create", "--account=" + strings.Repeat("0", 32)}, 1, "there is no account"},
		"unknown scope":   {[]string{"create", "--account=" + strings.Repeat("0", 32), "--scopes=admin"}, 2, "--scopes: must be one of read, write, request"},
		"no scope":        {[]string{"create", "--account=" + strings.Repeat("0", 32), "--scopes="}, 2, "--scopes: must not be empty"},
		"a scope twice":   {[]string{"create", "--account=" + strings.Repeat("0", 32), "--scopes=read,read"}, 2, "--scopes: items at index 0 and 1 are equal"},
		"a long note":     {[]string{"create", "--account=" + strings.Repeat("0", 32), "--note=" + strings.Repeat("x", 257)}, 2, "--note: must have at most 256 characters"},
		"no such token":   {[]string{"revoke", "x"}, 1, `has no token "x"`},
		"unknown word":    {[]string{"forge"}, 2, `aaa-api token has no command "forge"; see`},
		"misspelt word":   {[]string{"creat"}, 2, "did you mean create?"},
		"misspelt flag":   {[]string{"create", "--acount=x"}, 2, "did you mean --account?"},
	} {
		stdout, stderr, code := here(t, dir, "", nil, append([]string{"token"}, tc.args...)...)
		if code != tc.code || !strings.Contains(stderr, tc.want) || stdout != "" {
			t.Errorf("%s: code %d, want %d with %q:\n%s%s", name, code, tc.code, tc.want, stdout, stderr)
		}
	}
}

// TestTokenOfTheRoot makes tokens without --account: they are the root account's.
func TestTokenOfTheRoot(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	st := openStoreIn(t, dir)
	root, err := st.Accounts().Create(t.Context(), store.Account{ID: aaa.NewAccountID(), Name: "root", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for expires, want := range map[string]time.Time{
		"":                                    {},
		"--expires=90d":                       now.Add(90 * 24 * time.Hour),
		"--expires=12h30m":                    now.Add(12*time.Hour + 30*time.Minute),
		"--expires=2999-01-02T03:04:05+01:00": time.Date(2999, 1, 2, 2, 4, 5, 0, time.UTC),
	} {
		args := []string{"token", "create"}
		if expires != "" {
			args = append(args, expires)
		}
		stdout, stderr, code := here(t, dir, "", nil, args...)
		if code != 0 || !strings.Contains(stdout, "of account "+string(root.ID)) {
			t.Fatalf("%s: code %d: %s%s", expires, code, stdout, stderr)
		}
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		made, err := st.Tokens().ByHash(t.Context(), token.Hash(lines[len(lines)-1]))
		if err != nil {
			t.Fatal(err)
		}
		if off := made.ExpiresAt.Sub(want); made.Account != root.ID || off < -time.Second || off > patience {
			t.Errorf("%s: ends at %v, want %v", expires, made.ExpiresAt, want)
		}
	}
}

// TestRevokeCommand revokes a token with what it made, and another one alone.
func TestRevokeCommand(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	st := openStoreIn(t, dir)
	root, err := st.Accounts().Create(t.Context(), store.Account{ID: aaa.NewAccountID(), Name: "root", Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	for i, by := range []string{"", "t0", "t1", "", "t3"} {
		tok := store.Token{ID: "t" + strconv.Itoa(i), Account: root.ID, Hash: [32]byte{byte(i)}, Kind: token.KindToken, MadeBy: by}
		if by != "" {
			tok.MakerAccount = root.ID
		}
		if err := st.Tokens().Create(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
	}
	if stdout, _, _ := here(t, dir, "", nil, "token", "list"); !strings.Contains(stdout, "t1@"+string(root.ID)) {
		t.Errorf("list:\n%s", stdout)
	}
	for _, c := range []struct{ args, want, left string }{
		{"t3 --orphan", "token t3 is revoked\n", "t0 t1 t2 t4"},
		{"t0", "token t0 is revoked, and 2 that came from it\n", "t4"},
	} {
		stdout, stderr, code := here(t, dir, "", nil, append([]string{"token", "revoke"}, strings.Fields(c.args)...)...)
		if code != 0 || stdout != c.want {
			t.Errorf("revoke %s: code %d: %s%s", c.args, code, stdout, stderr)
		}
		list, _, err := st.Tokens().List(t.Context(), root.ID, store.Page{})
		if err != nil {
			t.Fatal(err)
		}
		var left []string
		for _, tok := range list {
			left = append(left, tok.ID)
		}
		if strings.Join(left, " ") != c.left {
			t.Errorf("revoke %s: left are %v", c.args, left)
		}
	}
}

func TestVersionAndCompletion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	long, _, _ := here(t, dir, "", nil, "version")
	if flag, _, code := here(t, dir, "", nil, "--version"); code != 0 || flag != long || !strings.HasPrefix(flag, "aaa-api ") {
		t.Errorf("--version: code %d: %q, version says %q", code, flag, long)
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if stdout, stderr, code := here(t, dir, "", nil, "completion", shell); code != 0 || !strings.Contains(stdout, "aaa-api") {
			t.Errorf("completion %s: code %d: %s", shell, code, stderr)
		}
	}
	if stdout, _, code := here(t, dir, "", nil, "__complete", "token", "cr"); code != 0 || !strings.Contains(stdout, "create\t") {
		t.Errorf("completing: code %d: %s", code, stdout)
	}
	if _, stderr, code := here(t, dir, "", nil, "sreve"); code != 2 || !strings.Contains(stderr, "did you mean serve?") {
		t.Errorf("a misspelt command: code %d: %s", code, stderr)
	}
	for _, c := range []struct {
		args string
		want string
	}{
		{"completion bsh", `aaa-api completion has no command "bsh" (did you mean bash?); see aaa-api completion --help`},
		{"completion bash x", "wanted: aaa-api completion bash"},
		{"help tokn", `aaa-api has no command "tokn" (did you mean token?); see aaa-api --help`},
		{"help token creat", `aaa-api token has no command "creat" (did you mean create?); see aaa-api token --help`},
		{"serve x", "wanted: aaa-api serve [flags]"},
		{"dictionary lint", "wanted: aaa-api dictionary lint FILE [flags]"},
	} {
		if stdout, stderr, code := here(t, dir, "", nil, strings.Fields(c.args)...); code != 2 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: code %d, want 2 with %q: %s%s", c.args, code, c.want, stdout, stderr)
		}
	}
	for _, args := range []string{"help", "help token create", "completion"} {
		if stdout, stderr, code := here(t, dir, "", nil, strings.Fields(args)...); code != 0 || !strings.Contains(stdout, "Usage:") {
			t.Errorf("%s: code %d: %s%s", args, code, stdout, stderr)
		}
	}
	if _, stderr, code := here(t, dir, "", nil, "serve", "-x"); code != 2 || !strings.Contains(stderr, "unknown shorthand flag") {
		t.Errorf("an unknown letter: code %d: %s", code, stderr)
	}
}

func TestMigrateAndVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if stdout, stderr, code := output(t, dir, nil, "migrate"); code != 0 || stdout != "the database is up to date\n" {
		t.Errorf("migrate: code %d: %s%s", code, stdout, stderr)
	}
	if stdout, stderr, code := here(t, dir, "", nil, "migrate"); code != 0 || stdout != "the database is up to date\n" {
		t.Errorf("migrate again: code %d: %s%s", code, stdout, stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "aaa-api.db")); err != nil {
		t.Error(err)
	}
	if stdout, _, code := output(t, dir, nil, "version"); code != 0 || !strings.HasPrefix(stdout, "aaa-api ") {
		t.Errorf("version: code %d: %s", code, stdout)
	}
}
