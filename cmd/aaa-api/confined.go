package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"aaa-api/internal/config"
	"aaa-api/internal/confine"
)

// lacking is what a process does without since the kernel has it not.
type lacking struct {
	role    confine.Role
	missing []confine.Missing
}

// confinement gives up what a process no longer needs.
type confinement func() (lacking, error)

// already is the confinement of a process that gives up no more.
func already(l lacking) confinement { return func() (lacking, error) { return l, nil } }

// confineMain is the confinement of all processes at their begin, and of a node that is one process: all commands hold secrets.
func confineMain() (lacking, error) { return give(confine.Rules{Role: confine.Main}) }

// filesVariables name certificates that the TLS library reads when it first needs them, which may be at any time.
var filesVariables = []string{"SSL_CERT_FILE", "SSL_CERT_DIR"}

// confineModule is the confinement of a security module. It runs when the store and the files of the start are open, since
// PostgreSQL's driver reads files that no setting of ours names, and before a server or a front can send anything.
func confineModule(cfg *config.Config) confinement {
	return func() (lacking, error) {
		rules := confine.Rules{Role: confine.SecurityModule, ReadWrite: []string{cfg.DataDir}}
		for _, path := range []string{cfg.KeyFile, cfg.DictionaryDir, cfg.TLSCert, cfg.TLSKey, cfg.DeviceTLSCert, cfg.DeviceTLSKey, cfg.DeviceTLSCA, cfg.UnixPasswordFile} {
			if path != "" {
				rules.Read = append(rules.Read, path)
			}
		}
		for _, variable := range filesVariables {
			for _, path := range filepath.SplitList(os.Getenv(variable)) {
				if path != "" {
					rules.Read = append(rules.Read, path)
				}
			}
		}
		return give(rules)
	}
}

// confineFront is the confinement of a front that may use so many octets of memory; 0: nobody says.
func confineFront(memory int64) (lacking, error) {
	return give(confine.Rules{Role: confine.Front, AddressSpace: addressSpace(memory)})
}

func give(rules confine.Rules) (lacking, error) {
	missing, err := confine.Apply(rules)
	return lacking{rules.Role, missing}, err
}

// addressSpace bounds what a front maps. A heap maps more than it uses, and freed parts stay mapped, so this is far above the memory
// that the front may use: requests are bounded by their budget before.
func addressSpace(memory int64) uint64 {
	const ifNobodySays = 2 << 30
	if memory <= 0 {
		memory = ifNobodySays
	}
	return confine.MinAddressSpace + 4*uint64(memory)
}

// lines name each missing protection and its process.
func (l lacking) lines() []string {
	var lines []string
	for _, m := range l.missing {
		lines = append(lines, l.role.String()+": "+m.String())
	}
	return lines
}

// warn names each missing protection in the log.
func (l lacking) warn(ctx context.Context, log *slog.Logger) {
	for _, m := range l.missing {
		log.WarnContext(ctx, "a protection is missing", "process", l.role.String(), "protection", m.Name, "why", m.Why)
	}
}
