package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"aaa-api/internal/aaa"
)

// Variable names the environment variable with the address of a server that tests
// may use, with a role that creates databases. Without it each test process
// starts a cluster of its own.
const Variable = "AAA_API_TEST_POSTGRES"

// server is the address of the server that all of the process's tests share. A
// cluster made here ends with the process.
var server = sync.OnceValues(func() (string, error) {
	if address := os.Getenv(Variable); address != "" {
		return address, nil
	}
	c, err := StartCluster()
	if err != nil {
		return "", err
	}
	return c.URL("postgres"), nil
})

// Open makes an empty database for one test and returns its address. It is
// dropped, open connections or not, when the test ends.
func Open(t testing.TB) string {
	t.Helper()
	admin, err := server()
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(admin)
	if err != nil {
		t.Fatalf("%s: %v", Variable, err)
	}
	name := "test_" + aaa.NewID()
	// The databases of real installations sort by language; what relies on the order of octets must say so.
	run(t, admin, fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'", name))
	t.Cleanup(func() { run(t, admin, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) })
	address.Path = "/" + name
	return address.String()
}

// run executes one statement on a connection of its own.
func run(t testing.TB, address, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is pending
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

// Private starts a cluster for one test alone, which may stop, crash and start it.
func Private(t testing.TB) *Cluster {
	t.Helper()
	c, err := StartCluster()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}
