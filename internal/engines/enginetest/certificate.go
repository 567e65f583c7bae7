package enginetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"testing"
	"time"

	"aaa-api/internal/aaa"
)

// certificate makes a self-signed certificate for 127.0.0.1 and a pool that trusts it.
func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// MutualTLS returns the configuration of a server on 127.0.0.1 that requires a client certificate, and that of its client.
func MutualTLS(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	theirs, trustsServer := certificate(t)
	own, trustsClient := certificate(t)
	server = &tls.Config{
		Certificates: []tls.Certificate{theirs}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trustsClient,
	}
	return server, &tls.Config{RootCAs: trustsServer, Certificates: []tls.Certificate{own}}
}

// SelfSigned returns a certificate for 127.0.0.1 and its key as PEM, and the public key as DER.
func SelfSigned(t testing.TB) (certificatePEM, keyPEM string, spki []byte) {
	t.Helper()
	c, _ := certificate(t)
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, octets []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: octets}))
	}
	return text("CERTIFICATE", c.Certificate[0]), text("PRIVATE KEY", key), c.Leaf.RawSubjectPublicKeyInfo
}

// Members writes what MutualTLS returned as the tls members of a document's server.
func Members(t testing.TB, server, client *tls.Config) aaa.ServerTLS {
	t.Helper()
	own := client.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return aaa.ServerTLS{
		CA: block("CERTIFICATE", server.Certificates[0].Certificate[0]), Certificate: block("CERTIFICATE", own.Certificate[0]),
		Key: aaa.NewSecret(block("PRIVATE KEY", der)), ServerName: "127.0.0.1",
	}
}
