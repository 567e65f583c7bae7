package main

import (
	"context"
	"errors"
)

// reload reads again what may have changed and is not read each time that it is used, as the key file and the file of passwords are: the
// certificate. Flags and variables are those of the start.
func (n *module) reload(ctx context.Context) error {
	n.log.InfoContext(ctx, "reload: files are read again, flags and variables stay as they were at the start")
	var err error
	for _, c := range []*certificate{n.certificate, n.deviceCertificate} {
		if c != nil {
			err = errors.Join(err, c.reload(ctx))
		}
	}
	return err
}

// reload takes what the security module has read again.
func (f *front) reload(ctx context.Context) {
	f.devices.reload(ctx)
	if f.certificate == nil {
		return
	}
	if err := f.certificate.look(ctx); err != nil {
		f.log.WarnContext(ctx, "the TLS certificate is not to be had, the one before stays in use", "error", err)
	}
}
