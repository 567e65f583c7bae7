package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aaa-api/internal/config"
	"aaa-api/internal/operations"
)

// certificateFiles writes a self-signed certificate for a name and 127.0.0.1 where name is empty, and its key.
func certificateFiles(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "aaa-api"}, IsCA: true, BasicConstraintsValid: true, // curl takes none without a subject
	}
	if name == "" {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	} else {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	overwrite(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	overwrite(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return cert, key
}

func overwrite(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// trusting is a client that trusts the certificate in a file, on connections that it keeps for one request.
func trusting(t *testing.T, cert string, change ...func(*tls.Config)) *http.Client {
	t.Helper()
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	cfg := &tls.Config{RootCAs: pool}
	for _, fn := range change {
		fn(cfg)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, ForceAttemptHTTP2: true, DisableKeepAlives: true}}
}

// ask reads a URL; what it names is up to the caller.
func ask(t *testing.T, c *http.Client, url string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res, string(text), err
}

// TestTLS serves the API over TLS and changes its certificate while it runs.
func TestTLS(t *testing.T) {
	t.Parallel()
	dir := migratedDir(t)
	cert, key := certificateFiles(t, dir, "")
	p := start(t, dir, nil, "--tls-cert="+cert, "--tls-key="+key, "--admin-listen=127.0.0.1:0")
	url := "https://" + strings.TrimPrefix(p.url, "http://")

	first := trusting(t, cert)
	res, text, err := ask(t, first, url+"/readyz")
	if err != nil || res.StatusCode != http.StatusOK || text != `{"status":"ok"}`+"\n" || res.ProtoMajor != 2 {
		t.Fatalf("%v: %v %s", err, res, text)
	}
	if res, _, err := ask(t, http.DefaultClient, p.url+"/readyz"); err != nil || res.StatusCode != http.StatusBadRequest {
		t.Errorf("without TLS: %v, %v", res, err)
	}
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // what is refused
	if c, err := tls.Dial("tcp", strings.TrimPrefix(p.url, "http://"), old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is served")
	}
	if res, _, err := ask(t, trusting(t, cert, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), url+"/readyz"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("TLS 1.2: %v, %v", res, err)
	}
	if res, _, err := ask(t, http.DefaultClient, "http://"+p.admin+"/readyz"); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the admin listener: %v, %v", res, err)
	}

	good, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	overwrite(t, key, string(good[:len(good)/2]))
	eventually(t, "a broken key is logged", func() bool { return strings.Contains(p.log(), "the new TLS certificate is no good") })
	if _, _, err := ask(t, first, url+"/healthz"); err != nil {
		t.Errorf("with a broken key: %v", err)
	}
	certificateFiles(t, dir, "")
	second := trusting(t, cert)
	eventually(t, "the new certificate is served", func() bool { _, _, err := ask(t, second, url+"/healthz"); return err == nil })
	if _, _, err := ask(t, first, url+"/healthz"); err == nil {
		t.Error("the old certificate is served still")
	}
	p.stop()
	if !strings.Contains(p.log(), "the TLS certificate has changed") || strings.Contains(p.log(), "PRIVATE KEY") {
		t.Errorf("the log says:\n%s", p.log())
	}
}

// TestHangUp has a node that gets a SIGHUP read its files again, and go on in all else.
func TestHangUp(t *testing.T) {
	t.Parallel()
	if signal.Ignored(syscall.SIGHUP) {
		t.Skip("the tests run under nohup, so that their processes ignore SIGHUP too")
	}
	for _, isolation := range []string{"process", "none"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			dir := migratedDir(t)
			cert, key := certificateFiles(t, dir, "")
			p := start(t, dir, nil, "--isolation="+isolation, "--tls-cert="+cert, "--tls-key="+key)
			url := "https://" + strings.TrimPrefix(p.url, "http://")
			first := trusting(t, cert)
			told := 0
			hangUp := func() {
				t.Helper()
				if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
				told++
				eventually(t, "the log tells of it", func() bool { return strings.Count(p.log(), `"msg":"reload: `) == told })
			}
			serves := func(c *http.Client) bool { _, _, err := ask(t, c, url+"/healthz"); return err == nil }
			hangUp()
			if !serves(first) {
				t.Error("the certificate that stayed as it was is not served")
			}
			old, err := os.ReadFile(key)
			if err != nil {
				t.Fatal(err)
			}
			certificateFiles(t, dir, "")
			fresh, err := os.ReadFile(key)
			if err != nil {
				t.Fatal(err)
			}
			overwrite(t, key, string(old)) // it does not fit
			hangUp()
			eventually(t, "the pair is refused", func() bool { return strings.Contains(p.log(), "the new TLS certificate is no good") })
			if !serves(first) {
				t.Error("with a key that does not fit, the pair before is not served")
			}
			overwrite(t, key, string(fresh))
			second := trusting(t, cert)
			hangUp()
			if isolation == "none" {
				if err := p.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
					t.Fatal(err)
				}
				eventually(t, "the log tells that there is no upgrade", func() bool { return strings.Contains(p.log(), "no upgrade: a node that is one process") })
			}
			eventually(t, "the new pair is served", func() bool { return serves(second) && !serves(first) })
			p.stop()
			if strings.Contains(p.log(), "has ended") {
				t.Errorf("a process has ended:\n%s", p.log())
			}
		})
	}
}

// A pair that is no good changes nothing and is logged once; one that is half written is not logged at all.
func TestCertificateLooks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificateFiles(t, dir, "one.example")
	var log bytes.Buffer
	c, err := loadCertificate(cert, key, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	serves := func() string { return c.pair.Load().Leaf.DNSNames[0] }
	look := func(times int, name string, lines int) {
		t.Helper()
		for range times {
			c.look(context.Background())
		}
		if got := strings.Count(log.String(), "\n"); serves() != name || got != lines {
			t.Errorf("it serves %s, want %s; %d lines, want %d: %s", serves(), name, got, lines, log.String())
		}
		log.Reset()
	}
	look(3, "one.example", 0)
	old, _ := os.ReadFile(key)
	certificateFiles(t, dir, "two.example")
	fresh, _ := os.ReadFile(key)
	overwrite(t, key, string(old)) // the certificate is written, the key not yet
	look(1, "one.example", 0)
	overwrite(t, key, string(fresh))
	look(1, "two.example", 1)
	look(2, "two.example", 0)
	overwrite(t, cert, "no certificate")
	look(5, "two.example", 1)
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	look(5, "two.example", 1)
	certificateFiles(t, dir, "three.example")
	look(2, "three.example", 1)
	overwrite(t, key, "no key")
	look(2, "three.example", 1)
	overwrite(t, key, string(fresh))
	look(2, "three.example", 1) // another fault is told, too

	// An operator who says that the files are written is told at once, and each time.
	overwrite(t, key, "another fault")
	for range 2 {
		if err := c.reload(context.Background()); err == nil {
			t.Error("a fault is not told")
		}
		look(0, "three.example", 1)
	}
	look(5, "three.example", 0)
	certificateFiles(t, dir, "four.example")
	if err := c.reload(context.Background()); err != nil {
		t.Error(err)
	}
	look(0, "four.example", 1)
	if err := c.reload(context.Background()); err != nil {
		t.Error(err)
	}
	look(0, "four.example", 0)
	overwrite(t, key, string(fresh))

	for name, files := range map[string][2]string{"no PEM": {key, key}, "no file": {cert + "x", key}, "another's key": {cert, key}} {
		if _, err := loadCertificate(files[0], files[1], c.log); err == nil || !strings.Contains(err.Error(), "--tls-cert") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The authorities of devices are taken with the pair, or neither is.
func TestDeviceCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificateFiles(t, dir, "one.example")
	first, _ := certificateFiles(t, t.TempDir(), "ca1.example")
	second, _ := certificateFiles(t, t.TempDir(), "ca2.example")
	ca := filepath.Join(dir, "ca.pem")
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	overwrite(t, ca, read(first))
	var log bytes.Buffer
	c, err := loadDeviceCertificate(&config.Config{DeviceTLSCert: cert, DeviceTLSKey: key, DeviceTLSCA: ca}, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	trusts := func(want ...string) {
		t.Helper()
		got := ""
		for _, der := range c.Authorities() {
			got += string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		}
		if got != strings.Join(want, "") {
			t.Errorf("%d authorities, want %d", len(c.Authorities()), len(want))
		}
	}
	trusts(read(first))
	one := operations.Fingerprint(c.Current())
	certificateFiles(t, dir, "two.example")
	c.look(t.Context())
	overwrite(t, ca, read(first)+"text between\n"+read(second))
	c.look(t.Context())
	trusts(read(first), read(second))
	if c.ByFingerprint(one) == nil || operations.Fingerprint(c.Current()) == one {
		t.Error("handshakes with the pair before can't end")
	}
	for _, bad := range []string{"", "no PEM", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n", read(key)} {
		overwrite(t, ca, bad)
		if err := c.reload(t.Context()); err == nil {
			t.Errorf("%.30q is taken", bad)
		}
		trusts(read(first), read(second))
	}
	if _, err := loadDeviceCertificate(&config.Config{DeviceTLSCert: cert, DeviceTLSKey: key, DeviceTLSCA: ca}, c.log); err == nil || !strings.Contains(err.Error(), "--device-tls-ca") {
		t.Error(err)
	}
	overwrite(t, ca, read(second))
	if err := c.reload(t.Context()); err != nil {
		t.Error(err)
	}
	trusts(read(second))
	if strings.Contains(log.String(), "PRIVATE KEY") {
		t.Error("the log has the key")
	}
}
