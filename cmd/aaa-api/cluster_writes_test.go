package main

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// manyWriters has forty at once write to one account, its document and a dictionary of it, through
// two nodes and without naming a revision: all of it is done, and no change is lost.
func (c *pair) manyWriters(t *testing.T) {
	const each = 40
	one, two, token := c.one, c.two, c.token
	account := c.account(t, "many writers")
	call(t, token, "PUT", one.url+account+"/aaa", documentFor(1812)).want(t, http.StatusCreated)
	call(t, token, "PUT", one.url+account+"/aaa/dictionary", versionedDictionary(0)).want(t, http.StatusCreated)

	var all sync.WaitGroup
	write := func(n int, method, path, body string) {
		node := one
		if n%2 == 1 {
			node = two
		}
		all.Go(func() {
			a, err := tryCall(t.Context(), token, method, node.url+path, body)
			if err != nil || a.Status != http.StatusOK {
				t.Errorf("%s %s, writer %d: %d %s %v", method, path, n, a.Status, a.Body, err)
			}
		})
	}
	for n := range each {
		write(n, "PATCH", account+"/aaa", fmt.Sprintf(`{"data":{"x-%d":true}}`, n))
		write(n, "PATCH", account, fmt.Sprintf(`{"data":{"name":"writer %d"}}`, n))
		write(n, "POST", account+"/aaa/dictionary?name=dictionary_versioned", versionedDictionary(n))
	}
	all.Wait()
	document := call(t, token, "GET", one.url+account+"/aaa", "").want(t, http.StatusOK)
	for n := range each {
		document.has(t, fmt.Sprintf("x-%d", n), true)
	}
}
