package gateway

import (
	"context"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/usersfile"
)

// usersPurpose is what a users file is sealed for.
func usersPurpose(name string) string { return "users/" + name }

// MergeUsers implements Service.
func (g *Gateway) MergeUsers(ctx context.Context, account aaa.AccountID, name, text, sealedStored string) (sealed, masked string, err error) {
	var stored []byte
	if sealedStored != "" {
		opened, err := g.vault.Open(ctx, account, usersPurpose(name), sealedStored)
		if err != nil {
			return "", "", err
		}
		stored = []byte(opened.Reveal())
	}
	merged, faults := usersfile.Merge([]byte(text), stored)
	if len(faults) == 0 {
		_, faults = usersfile.ParseUpTo(merged, g.hashCost)
	}
	if len(faults) > 0 {
		return "", "", usersFaults(faults)
	}
	if sealed, err = g.vault.Seal(ctx, account, usersPurpose(name), string(merged)); err != nil {
		return "", "", err
	}
	return sealed, string(usersfile.Mask(merged)), nil
}

// MaskUsers implements Service.
func (g *Gateway) MaskUsers(ctx context.Context, account aaa.AccountID, name, sealed string) (string, error) {
	opened, err := g.vault.Open(ctx, account, usersPurpose(name), sealed)
	if err != nil {
		return "", err
	}
	return string(usersfile.Mask([]byte(opened.Reveal()))), nil
}

// usersFaults is an error that tells each fault under its line.
func usersFaults(faults []usersfile.Fault) error {
	fields := make([]aaa.Field, len(faults))
	for i, f := range faults {
		fields[i] = aaa.Field{Path: "line " + strconv.Itoa(f.Line), Rule: f.Rule, Message: f.Message}
	}
	return aaa.Invalid(fields...)
}
