// Package clients knows the network devices of all accounts: which document a packet belongs to, by its address or certificate.
//
// A Registry holds the clients of the store in memory. One goroutine writes: it reads all of them, and then each that the change log
// names. Packets read without a lock: prefixes are in persistent tries that one pointer publishes, and a change copies the few nodes
// on its way. A change is in force for the packet after it; a packet that found a client before keeps that one.
//
// Secrets stay sealed until the first packet needs them, and belong to the Client that they were opened for. A client that is replaced
// is another Client, so its old secrets go with the old one. Its counters go on.
package clients
