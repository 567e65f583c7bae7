// Package document is the life of an AAA document between the API and the
// store: a Draft checks what a client writes and seals its secrets, Mask shows
// a stored document without secrets, Decode makes it ready for use.
//
// Secrets are in the clear only in a Draft before it is sealed, and in the
// aaa.Secret of a decoded aaa.Document. A sealed text is never taken from a
// client: a Draft seals whatever stands in a secret's place, except aaa.Mask,
// which keeps the secret stored under the same purpose. So a patch applies to
// the document as readers see it, and a roll back is the Draft of the old
// revision, unchanged.
package document
