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
	return forOne(t, empty)
}

// forOne makes a database for one test, which drops it.
func forOne(t testing.TB, like string) string {
	t.Helper()
	name := "test_" + aaa.NewID()
	address, err := create(name, like)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(name); err != nil {
			t.Error(err)
		}
	})
	return address
}

// empty makes a database with nothing in it. Those of real installations sort by language; what relies on
// the order of octets must say so.
const empty = "TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' LOCALE 'C'"

// create makes a database and returns its address.
func create(name, like string) (string, error) {
	admin, err := server()
	if err != nil {
		return "", err
	}
	address, err := url.Parse(admin)
	if err != nil {
		return "", fmt.Errorf("%s: %w", Variable, err)
	}
	address.Path = "/" + name
	return address.String(), run(admin, fmt.Sprintf("CREATE DATABASE %s %s", name, like))
}

func drop(name string) error {
	admin, err := server()
	if err != nil {
		return err
	}
	return run(admin, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name))
}

// run executes one statement on a connection of its own.
func run(address, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is pending
	_, err = conn.Exec(ctx, sql)
	return err
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
