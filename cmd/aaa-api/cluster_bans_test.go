package main

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// bans: refused logins on both nodes make one ban, which both keep to; it is lifted through either.
func (c *pair) bans(t *testing.T) {
	at := c.account(t, "bans") + "/aaa"
	var asked atomic.Int64
	document := strings.Replace(documentFor(slowRADIUS(t, func() { asked.Add(1) })), `{"data":{`, `{"data":{"bans":{"by":["User-Name"]},`, 1)
	call(t, c.token, "PUT", c.one.url+at, document).want(t, http.StatusCreated)
	login := func(p *process, password string) int {
		return call(t, c.token, "POST", p.url+at+"/authn", `{"data":{"User-Name":"alice","User-Password":"`+password+`"}}`).Status
	}
	eventually(t, "the document is in use on the other node", func() bool { return login(c.two, "wonderland") == http.StatusOK })
	for range 4 {
		for _, p := range []*process{c.one, c.two} {
			if status := login(p, "wrong"); status != http.StatusOK {
				t.Fatalf("a refused login is a %d", status)
			}
		}
	}
	for _, p := range []*process{c.one, c.two} {
		eventually(t, "80 points on two nodes ban", func() bool { return login(p, "wonderland") == http.StatusTooManyRequests })
	}
	before := asked.Load()
	for _, p := range []*process{c.one, c.two} {
		if status := login(p, "wonderland"); status != http.StatusTooManyRequests || asked.Load() != before {
			t.Errorf("a banned login is a %d, or it is sent", status)
		}
		list := call(t, c.token, "GET", p.url+at+"/bans", "").want(t, http.StatusOK)
		if !strings.Contains(list.Body, `"key":"User-Name","value":"alice"`) {
			t.Errorf("the list is %s", list.Body)
		}
	}
	call(t, c.token, "DELETE", c.two.url+at+"/bans?key=User-Name&value=Alice", "").want(t, http.StatusOK)
	if status := login(c.two, "wonderland"); status != http.StatusOK {
		t.Errorf("on the node that lifted the ban a login is a %d", status)
	}
	eventually(t, "the other node knows that the ban was lifted", func() bool { return login(c.one, "wonderland") == http.StatusOK })
}
