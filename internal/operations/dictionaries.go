package operations

import (
	"context"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/dict"
	"aaa-api/internal/store"
)

// KnownDictionary asks for a dictionary by id or by name, but for one that the caller knows.
type KnownDictionary struct {
	Key    string
	AsText bool // as FreeRADIUS writes it
	Known  aaa.Revisions
}

// SystemDictionary asks for a dictionary that the service ships.
type SystemDictionary struct {
	Name   string
	AsText bool
}

// DictionaryWritten is a dictionary in place of the one that Key names by id or by name.
type DictionaryWritten struct {
	Key      string
	Upload   admin.DictionaryUpload
	Expected aaa.Revisions
}

// ExpectedKey names something to delete by id or by name.
type ExpectedKey struct {
	Key      string
	Expected aaa.Revisions
}

// The operations on dictionaries: see admin.Dictionaries.
var (
	ListDictionaries = define("dictionaries.list", reads, func(ctx context.Context, s *Served, q *store.Page) (Listed[admin.Dictionary], error) {
		if err := checkPage(*q); err != nil {
			return Listed[admin.Dictionary]{}, err
		}
		return listed(s.Admin.Dictionaries.List(ctx, s.Account, *q))
	})
	GetDictionary = define("dictionaries.get", reads, func(ctx context.Context, s *Served, q *KnownDictionary) (admin.Dictionary, error) {
		return s.Admin.Dictionaries.Get(ctx, s.Who, s.Account, q.Key, q.AsText, q.Known)
	})
	CreateDictionary = define("dictionaries.create", writes, func(ctx context.Context, s *Served, q *admin.DictionaryUpload) (admin.Dictionary, error) {
		if err := s.dictionary(ctx, q); err != nil {
			return admin.Dictionary{}, err
		}
		return s.Admin.Dictionaries.Create(ctx, s.Who, s.Account, *q)
	})
	ReplaceDictionary = define("dictionaries.replace", writes, func(ctx context.Context, s *Served, q *DictionaryWritten) (admin.Dictionary, error) {
		if err := s.dictionary(ctx, &q.Upload); err != nil {
			return admin.Dictionary{}, err
		}
		return s.Admin.Dictionaries.Replace(ctx, s.Who, s.Account, q.Key, q.Upload, q.Expected)
	})
	DeleteDictionary = define("dictionaries.delete", writes, func(ctx context.Context, s *Served, q *ExpectedKey) (admin.Dictionary, error) {
		return s.Admin.Dictionaries.Delete(ctx, s.Who, s.Account, q.Key, q.Expected)
	})
	// The dictionaries that the service ships are read through any account, and through the system configuration.
	ListSystemDictionaries = define("dictionaries.list_system", readsDocument, func(_ context.Context, s *Served, _ *None) ([]admin.SystemDictionary, error) {
		return s.Admin.Dictionaries.ListSystem(), nil
	})
	GetSystemDictionary = define("dictionaries.get_system", readsDocument, func(_ context.Context, s *Served, q *SystemDictionary) (admin.SystemDictionary, error) {
		return s.Admin.Dictionaries.GetSystem(s.Who, q.Name, q.AsText)
	})
)

// dictionary holds a dictionary to the octets that it may have.
func (s *Served) dictionary(ctx context.Context, u *admin.DictionaryUpload) error {
	return s.upload(ctx, len(u.Name)+len(u.Text)+len(u.Value), dict.MaxBytes)
}
