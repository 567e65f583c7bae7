package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
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
		"no account":      {[]string{"create"}, 2, `required flag(s) "account"`},
		"empty account":   {[]string{"create", "--account="}, 2, "--account is empty"},
		"empty, to list":  {[]string{"list", "--account="}, 2, "--account is empty"},
		"no token named":  {[]string{"revoke"}, 2, "accepts 1 arg"},
		"not an id":       {[]string{"create", "--account=acme"}, 2, "32 lower-case hexadecimal"},
		"unknown account": {[]string{"create", "--account=" + strings.Repeat("0", 32)}, 1, "there is no account"},
		"unknown scope":   {[]string{"create", "--account=" + strings.Repeat("0", 32), "--scopes=admin"}, 2, "--scopes: must be one of read, write, request"},
		"no scope":        {[]string{"create", "--account=" + strings.Repeat("0", 32), "--scopes="}, 2, "--scopes: must have at least 1"},
		"a scope twice":   {[]string{"create", "--account=" + strings.Repeat("0", 32), "--scopes=read,read"}, 2, "--scopes: items at index 0 and 1 are equal"},
		"a long note":     {[]string{"create", "--account=" + strings.Repeat("0", 32), "--note=" + strings.Repeat("x", 257)}, 2, "--note: must have at most 256 characters"},
		"no such token":   {[]string{"revoke", "x"}, 1, `has no token "x"`},
		"unknown word":    {[]string{"mint"}, 2, `unknown command "mint"`},
	} {
		stdout, stderr, code := here(t, dir, "", nil, append([]string{"token"}, tc.args...)...)
		if code != tc.code || !strings.Contains(stderr, tc.want) || stdout != "" {
			t.Errorf("%s: code %d, want %d with %q:\n%s%s", name, code, tc.code, tc.want, stdout, stderr)
		}
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
