package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// shownFiles are the files of devices that docs/devices.md shows. TestDevices runs each.
var shownFiles = []string{
	"ap.json", "hostapd.conf", "vpn.json", "ocserv.conf", "radiusclient.conf", "servers", "login.json", "pam_radius_auth.conf", "pam.d/sshd",
	"branch.json", "radsecproxy.conf",
}

// shownFile is a file of docs/devices.md with what is there replaced: pairs of old and new texts, of which each old one is there.
func shownFile(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	if !slices.Contains(shownFiles, name) {
		t.Fatalf("shownFiles lacks %s", name)
	}
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range readBlocks(t, string(page)) {
		if b.kind != "conf" || b.notes != name {
			continue
		}
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(b.text, pairs[i]) {
				t.Fatalf("docs/devices.md, line %d: %q is not in %s", b.line, pairs[i], name)
			}
		}
		return strings.NewReplacer(pairs...).Replace(b.text)
	}
	t.Fatalf("docs/devices.md has no block %s", name)
	return ""
}
