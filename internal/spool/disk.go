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

const (
	diskEvery = time.Second // between two looks, where few records come
	// diskReserve is left free, but no more than a quarter of the disk. A database on a disk that is wholly full can write no claim and no outcome,
	// and its log can't be emptied: records would never be delivered, and the disk would stay full.
	diskReserve = 64 << 20
	// diskShare is the share of the free space after whose records a look is due: many of them can fill a disk in less than a second.
	diskShare = 32
	// diskWrites is how many octets an octet of a record takes: those in the database's log, in its file and in its indexes.
	diskWrites = 3
)

// disk is the last look at a Disk.
type disk struct {
	s          *Spool
	mu         sync.Mutex
	looked     time.Time
	used, size int64 // KiB; size is without the reserve
	written    int64 // octets of records since the look
	warned     time.Time
}

// room refuses a record for which the disk is too full.
func (d *disk) room(kind store.SpoolKind, octets int) error {
	if d.s.o.Disk == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.s.now()
	d.look(now, octets)
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

// look reads how full the disk is, now and then; mu is held.
func (d *disk) look(now time.Time, octets int) {
	d.written += diskWrites * int64(octets)
	if now.Sub(d.looked) >= diskEvery || d.size > 0 && d.written > (d.size-d.used)<<10/diskShare {
		d.looked, d.written = now, 0
		free, size, err := d.s.o.Disk()
		if err != nil {
			d.s.o.Log.Warn("the free space of the disk of accounting records is not known", "error", err)
			d.size = 0
			return
		}
		d.used, d.size = int64((size-min(free, size))>>10), int64((size-min(diskReserve, size/4))>>10)
	}
}

// tightClaims is how many records one transaction claims where the disk has less free than a few times the reserve. It writes them whole, and must leave room in what is left of the disk.
const tightClaims = 32

// claims bounds how many records one look may take.
func (d *disk) claims(take func(aaa.AccountID) bool) func(aaa.AccountID) bool {
	if d.s.o.Disk == nil || !d.s.o.DiskHoldsStore {
		return take
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(d.s.now(), 0)
	if d.size == 0 || d.size-d.used > 3*diskReserve>>10 {
		return take
	}
	n := 0
	return func(account aaa.AccountID) bool {
		if n >= tightClaims || !take(account) {
			return false
		}
		n++
		return true
	}
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
	return i.disk.room(r.Kind, len(r.Payload))
}

func noRoom(what string, kind store.SpoolKind) *aaa.Error {
	e := aaa.Errorf(aaa.KindUnavailable, "the record can't be stored: %s of this node has no room for %s records", what, kind)
	e.RetryAfter = quotaAgain
	return e
}
