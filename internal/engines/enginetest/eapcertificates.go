package enginetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"
)

// The files of EAP's certificates in FreeRADIUSServer.Dir, all PEM. Users of EAP-TLS need the last two.
const (
	EAPCA         = "eap-ca.pem"
	EAPClient     = "eap-client.pem"
	EAPClientKey  = "eap-client.key"
	eapServer     = "eap.pem"
	eapServerKey  = "eap.key"
	eapValidHours = 24
)

// writeEAPCertificates makes an authority, and a certificate for the server and one for a client.
func writeEAPCertificates(dir string) error {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := eapTemplate(1, "EAP test authority")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	if err := writeCertificate(dir, EAPCA, "", ca, ca, caKey, caKey); err != nil {
		return err
	}
	for i, c := range []struct {
		name, file, key string
		usage           x509.ExtKeyUsage
	}{
		{"radius.example", eapServer, eapServerKey, x509.ExtKeyUsageServerAuth},
		{"alice", EAPClient, EAPClientKey, x509.ExtKeyUsageClientAuth},
	} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		leaf := eapTemplate(int64(2+i), c.name)
		leaf.KeyUsage, leaf.ExtKeyUsage, leaf.DNSNames = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{c.usage}, []string{c.name}
		if err := writeCertificate(dir, c.file, c.key, leaf, ca, key, caKey); err != nil {
			return err
		}
	}
	return nil
}

func eapTemplate(serial int64, name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(eapValidHours * time.Hour),
	}
}

// writeCertificate writes a certificate that parent signs, and its key if keyFile names a file.
func writeCertificate(dir, file, keyFile string, c, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, parentKey)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	if keyFile == "" {
		return nil
	}
	octets, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, keyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: octets}), 0o600)
}
