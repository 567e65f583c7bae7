package operations

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/line"
)

// onePair is a listener's.
type onePair struct{ *tls.Certificate }

func (p onePair) Current() *tls.Certificate { return p.Certificate }

func (p onePair) ByFingerprint(fingerprint string) *tls.Certificate {
	if fingerprint == Fingerprint(p.Certificate) {
		return p.Certificate
	}
	return nil
}

// listenerKeys are one of each kind that a listener may have.
func listenerKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	keys := map[string]crypto.Signer{}
	var err error
	keys["RSA"], err = rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	keys["ECDSA P-256"], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ok(t, err)
	keys["ECDSA P-384"], err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	ok(t, err)
	keys["ECDSA P-521"], err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	ok(t, err)
	_, keys["Ed25519"], err = ed25519.GenerateKey(rand.Reader)
	ok(t, err)
	return keys
}

// pairOf makes a self-signed pair for 127.0.0.1.
func pairOf(t *testing.T, key crypto.Signer) *tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		Subject: pkix.Name{CommonName: "listener"}, IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ok(t, err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestHandshakesAcross serves HTTPS with a key that is at the other end of the line.
func TestHandshakesAcross(t *testing.T) {
	t.Parallel()
	for name, key := range listenerKeys(t) {
		here, there, _ := across(t)
		here.KeyPairs = onePair{pairOf(t, key)}
		shown, err := ListenerCertificate.Call(t.Context(), there, line.From{}, KnownCertificate{})
		ok(t, err)
		remote, err := RemotePair(there, &shown)
		ok(t, err)
		if _, holds := remote.PrivateKey.(*remoteKey); !holds {
			t.Fatalf("%s: the front holds a %T", name, remote.PrivateKey)
		}
		again, err := ListenerCertificate.Call(t.Context(), there, line.From{}, KnownCertificate{Fingerprint: shown.Fingerprint})
		if err != nil || again.Chain != nil || again.Fingerprint != shown.Fingerprint {
			t.Errorf("%s: a known certificate is sent again: %+v, %v", name, again, err)
		}

		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Proto) }))
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*remote}}
		server.EnableHTTP2 = true
		server.StartTLS()
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(remote.Leaf)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for _, http2 := range []bool{false, true} {
				client := &http.Client{Transport: &http.Transport{
					TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version}, ForceAttemptHTTP2: http2, DisableKeepAlives: true,
				}}
				want := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]
				res, err := client.Get("https://" + server.Listener.Addr().String())
				if err != nil {
					t.Errorf("%s, %s, %s: %v", name, tls.VersionName(version), want, err)
					continue
				}
				text, err := io.ReadAll(res.Body)
				res.Body.Close()
				if err != nil || string(text) != want || res.TLS.Version != version {
					t.Errorf("%s, %s: %s, %v; want %s", name, tls.VersionName(version), text, err, want)
				}
			}
		}
	}
}

// TestSignRefuses has a front that strangers have taken over ask for what no handshake needs.
func TestSignRefuses(t *testing.T) {
	t.Parallel()
	digest := sha256.Sum256([]byte("text"))
	for name, key := range listenerKeys(t) {
		here, there, _ := across(t)
		sign := func(q Signing) error {
			signature, err := Sign.Call(t.Context(), there, line.From{}, q)
			if err != nil && signature != nil {
				t.Errorf("%s: %+v: an error with a signature", name, q)
			}
			return err
		}
		good := Signing{Hash: uint(crypto.SHA256), Message: digest[:]}
		if err := sign(good); aaa.KindOf(err) != aaa.KindNotFound {
			t.Errorf("%s: without TLS: %v", name, err)
		}
		pair := pairOf(t, key)
		here.KeyPairs = onePair{pair}
		if err := sign(good); aaa.KindOf(err) != aaa.KindNotFound {
			t.Errorf("%s: another certificate: %v", name, err)
		}
		good.Fingerprint = Fingerprint(pair)
		_, edwards := key.(ed25519.PrivateKey)
		_, isRSA := key.(*rsa.PrivateKey)
		if edwards {
			good.Hash, good.Message = 0, []byte("a message of a handshake")
		}
		ok(t, sign(good))
		pss := good
		pss.PSS = true
		if err := sign(pss); (err == nil) != (isRSA || edwards) {
			t.Errorf("%s: PSS: %v", name, err)
		}
		bad := map[string]Signing{
			"SHA-1":        {Hash: uint(crypto.SHA1), Message: digest[:20]},
			"MD5 and SHA1": {Hash: uint(crypto.MD5SHA1), Message: append(digest[:], digest[:4]...)},
			"SHA-224":      {Hash: uint(crypto.SHA224), Message: digest[:28]},
			"unknown":      {Hash: 1 << 40, Message: digest[:]},
			"short":        {Hash: uint(crypto.SHA256), Message: digest[:31]},
			"long":         {Hash: uint(crypto.SHA256), Message: append(digest[:], 0)},
			"empty":        {Hash: uint(crypto.SHA256)},
			"SHA-384's":    {Hash: uint(crypto.SHA384), Message: digest[:]},
			"no hash":      {Message: digest[:]},
			"too long":     {Message: make([]byte, maxSigned+1)},
		}
		if edwards { // it signs messages
			delete(bad, "no hash")
			bad["a digest"] = Signing{Hash: uint(crypto.SHA512), Message: make([]byte, 64)}
		}
		for what, q := range bad {
			q.Fingerprint = good.Fingerprint
			if err := sign(q); aaa.KindOf(err) != aaa.KindBadInput {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		ok(t, sign(good)) // the security module lives
	}
}
