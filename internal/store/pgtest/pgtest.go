package pgtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"aaa-api/internal/aaa"
)

// Variable names the environment variable with the address of a server that tests
// may use, with a role that creates databases. Without it each test process
// starts a cluster of its own.
const Variable = "AAA_API_TEST_POSTGRES"

// server gives connections to the server that all of the process's tests share. They
// are kept, for each costs the server about as much as a database. A cluster made
// here ends with the process.
var server = sync.OnceValues(func() (*pgxpool.Pool, error) {
	address := os.Getenv(Variable)
	if address == "" {
		c, err := StartCluster()
		if err != nil {
			return nil, err
		}
		address = c.URL("postgres")
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Variable, err)
	}
	config.MaxConns = 2
	return pgxpool.NewWithConfig(context.Background(), config)
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
	if err := run(fmt.Sprintf("CREATE DATABASE %s %s", name, like)); err != nil {
		return "", err
	}
	admin, err := server()
	if err != nil {
		return "", err
	}
	address, err := url.Parse(admin.Config().ConnString())
	if err != nil {
		return "", fmt.Errorf("%s: %w", Variable, err)
	}
	address.Path = "/" + name
	return address.String(), nil
}

func drop(name string) error { return run(fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", name)) }

// run executes one statement on the shared server.
func run(sql string) error {
	admin, err := server()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = admin.Exec(ctx, sql)
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
