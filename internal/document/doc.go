// Package document is the life of an AAA document between the API and the
// store: what a client wrote is checked and its secrets are sealed (Prepare),
// what is stored is shown without secrets (Mask) or made ready for use (Decode).
//
// Of what passes through, secrets are in the clear only in the input of Prepare
// and in the aaa.Secret of a decoded aaa.Document. A sealed text is never taken
// from a client: whatever is written in a secret's place is sealed as it stands,
// but for aaa.Mask, which keeps the secret stored under the same purpose. Thus a
// patch is applied to the masked document, and a roll back writes the masked old
// revision over the old revision itself:
//
//	Prepare(ctx, account, merged(Mask(current), patch), current) // PATCH
//	Prepare(ctx, account, Mask(old), old)                        // roll back
package document
