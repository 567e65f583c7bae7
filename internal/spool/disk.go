package spool

import (
	"sync"
	"syscall"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/store"
)

// Disk tells how many octets of a disk are free for this process, and how many it has.
type Disk func() (free, size uint64, err error)

// DiskOf is the disk that holds a folder.
func DiskOf(folder string) Disk {
	return func() (free, size uint64, err error) {
		var s syscall.Statfs_t
		if err := syscall.Statfs(folder, &s); err != nil {
			return 0, 0, err
		}
		return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), nil //nolint:unconvert // types differ between systems
	}
}

const diskEvery = time.Second // between two looks

// disk is the last look at a Disk.
type disk struct {
	s          *Spool
	mu         sync.Mutex
	looked     time.Time
	used, size int64
	warned     time.Time
}

// room refuses a record for which the disk is too full.
func (d *disk) room(kind store.SpoolKind) error {
	if d.s.o.Disk == nil {
		return nil
	}
	now := d.s.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.looked) >= diskEvery {
		d.looked = now
		free, size, err := d.s.o.Disk()
		if err != nil {
			d.s.o.Log.Warn("the free space of the disk of accounting records is not known", "error", err)
			d.size = 0
			return nil
		}
		d.used, d.size = int64((size-min(free, size))>>10), int64(size>>10)
	}
	if d.size == 0 {
		return nil
	}
	if !within(d.used, d.size, shareWarned) && now.Sub(d.warned) >= warnEvery {
		d.warned = now
		d.s.o.Log.Warn("the disk of the data folder fills up: accounting records are refused from 95 % on", "used_kib", d.used, "size_kib", d.size)
	}
	if d.used >= d.size || !within(d.used, d.size, share(kind)) {
		return noRoom("the disk", kind)
	}
	return nil
}

// journalRoom refuses a record for which the journal is too full. One account may have as much of it as is free, so that there is room for the
// others, however many of them use it.
func (i *intake) journalRoom(r *store.SpoolRecord) error {
	if bound := i.s.o.JournalOctets; bound > 0 {
		_, octets := i.s.o.Journal.Len()
		if !within(octets+1, bound, share(r.Kind)) {
			return noRoom("the journal", r.Kind)
		}
		if !within(octets+i.quota.journaled(r.Account)+1, bound, share(r.Kind)) {
			return noRoom("the account's part of the journal", r.Kind)
		}
	}
	return i.disk.room(r.Kind)
}

func noRoom(what string, kind store.SpoolKind) *aaa.Error {
	e := aaa.Errorf(aaa.KindUnavailable, "the record can't be stored: %s of this node has no room for %s records", what, kind)
	e.RetryAfter = quotaAgain
	return e
}
