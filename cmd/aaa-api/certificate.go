package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/config"
	"aaa-api/internal/operations"
)

// certificateEvery is how often the certificate's files are read again. They are small, and
// neither a clock nor a link that is turned to another folder can hide a change from that.
const certificateEvery = 2 * time.Second

// certificate is the key pair of the API's listener, or of those for devices. A changed pair is taken while the node runs.
type certificate struct {
	certFile, keyFile string
	caFile            string // of the authorities of devices; empty: there are none
	log               *slog.Logger
	pair              atomic.Pointer[tls.Certificate]
	before            atomic.Pointer[tls.Certificate] // the pair before; nil: there was none

	authorities atomic.Pointer[[][]byte] // DER

	mu      sync.Mutex // of a look
	used    string     // contents of the files that pair is of
	refused string     // what the last look found instead, if it was no pair
	looks   int        // that found it
}

// loadCertificate reads the pair, which must be good at the start.
func loadCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if _, err := c.read(); err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return c, nil
}

// loadDeviceCertificate reads the pair of the listeners for devices, and the authorities of devices.
func loadDeviceCertificate(cfg *config.Config, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: cfg.DeviceTLSCert, keyFile: cfg.DeviceTLSKey, caFile: cfg.DeviceTLSCA, log: log}
	if _, err := c.read(); err != nil {
		return nil, fmt.Errorf("--device-tls-cert, --device-tls-key and --device-tls-ca: %w", err)
	}
	return c, nil
}

// readAuthorities reads a PEM file of certificates.
func readAuthorities(pemText []byte) (list [][]byte, err error) {
	for block, rest := pem.Decode(pemText); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return nil, err
		}
		list = append(list, block.Bytes)
	}
	if len(list) == 0 {
		return nil, errors.New("the file of authorities holds no certificate")
	}
	return list, nil
}

// read takes the pair from the files, unless it is the one in use. What it found is returned with an error too.
func (c *certificate) read() (found string, err error) {
	chain, err := os.ReadFile(c.certFile)
	if err != nil {
		return err.Error(), err
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return err.Error(), err
	}
	found = string(chain) + "\x00" + string(key)
	var authorities [][]byte
	if c.caFile != "" {
		text, err := os.ReadFile(c.caFile)
		if err != nil {
			return err.Error(), err
		}
		found += "\x00" + string(text)
		if found != c.used {
			if authorities, err = readAuthorities(text); err != nil {
				return found, err
			}
		}
	}
	if found == c.used {
		return found, nil
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return found, err // its texts hold nothing of the key
	}
	c.authorities.Store(&authorities)
	if old := c.pair.Load(); old != nil && operations.Fingerprint(old) != operations.Fingerprint(&pair) { // else the authorities alone have changed
		c.before.Store(old)
	}
	c.pair.Store(&pair)
	c.used = found
	return found, nil
}

// look takes a changed pair. One that is not good changes nothing, and is logged once, when it is found a second
// time: the first look may have met files that are being written.
func (c *certificate) look(ctx context.Context) { _ = c.lookAgain(ctx, 2) } // the log has it

// reload is look where an operator says that the files are written: what is no good is logged at once.
func (c *certificate) reload(ctx context.Context) error {
	if err := c.lookAgain(ctx, 1); err != nil {
		return aaa.Errorf(aaa.KindConflict, "the TLS certificate is no good, the one before stays in use: %w", err)
	}
	return nil
}

// lookAgain logs a pair that is not good when as many looks have found it as patience says.
func (c *certificate) lookAgain(ctx context.Context, patience int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.pair.Load()
	found, err := c.read()
	now := c.pair.Load()
	if err == nil {
		c.refused, c.looks = "", 0
		if now != before {
			c.log.InfoContext(ctx, "the TLS certificate has changed", "file", c.certFile, "not_after", now.Leaf.NotAfter)
		}
		return nil
	}
	if found != c.refused {
		c.refused, c.looks = found, 0
	}
	if c.looks++; c.looks == patience || patience == 1 {
		c.looks = max(c.looks, 2) // the next look does not say it again
		c.log.WarnContext(ctx, "the new TLS certificate is no good, the one before stays in use",
			"cert", c.certFile, "key", c.keyFile, "error", err, "not_after", now.Leaf.NotAfter)
	}
	return err
}

// follow looks until ctx ends.
func (c *certificate) follow(ctx context.Context) {
	tick := time.NewTicker(certificateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.look(ctx)
		}
	}
}

// Current implements operations.KeyPairs.
func (c *certificate) Current() *tls.Certificate { return c.pair.Load() }

// Authorities implements operations.DeviceKeyPairs.
func (c *certificate) Authorities() [][]byte { return *c.authorities.Load() }

// ByFingerprint implements operations.KeyPairs.
func (c *certificate) ByFingerprint(fingerprint string) *tls.Certificate {
	for _, pair := range []*tls.Certificate{c.pair.Load(), c.before.Load()} {
		if pair != nil && operations.Fingerprint(pair) == fingerprint {
			return pair
		}
	}
	return nil
}
