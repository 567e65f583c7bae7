// Package plans keeps what requests need of every warm account in memory.
//
// Three layers, each made from the one before:
//
//   - A state is what the store holds of one account: its row, its AAA document (sealed),
//     its dictionaries and state machine tables, compiled, and its users files, parsed. Only
//     loading a cold account and a change of it read the store.
//   - A CompiledDocument is one document compiled: servers with their clients, rules bound to
//     each server's dictionaries, the tables that it names. It belongs to the account that owns the document and is
//     shared by all accounts that inherit it.
//   - A Plan is what one account's requests run by: for each operation the CompiledDocuments to
//     try, in order. It is read through an atomic pointer.
//
// # What is in force
//
// Requests make CompiledDocuments and Plans while changes replace what they are made of. These rules keep what is old from staying:
//
//  1. store.Follower reads the number of the newest change before it resets its subscribers. A change that is committed during the
//     reset is told after it.
//  2. A node is in the map before a request reads its account, and a change waits for the end of that reading (settled). So the
//     account keeps what was read only if the change finds it and reads it again.
//  3. One goroutine, the follower's, applies changes. It reads the new state with no lock held. Then, with Cache.mu held, it puts
//     the state in place and drops every CompiledDocument and Plan that was made of the old one: nobody sees half of a change. The states are
//     new objects each time, and no old one comes back.
//  4. A request takes all states of its chain, and the CompiledDocuments that are compiled, with Cache.mu held for reading (chain). They are
//     what was in force at that moment. It compiles what is missing of these states, with no lock that a change waits for.
//  5. What was made is kept only if, with Cache.mu held, each state of the chain is still in place (current). Otherwise the
//     request is served by it all the same, since it was in force after the request began, and the next request makes another. So
//     each request compiles a document once, however many changes overtake it.
//  6. The index has every warm account below its parent, and below each name that its CompiledDocument was made by looking for, found or not.
//  7. The lower accounts are read before those above them, and an account leaves memory only after all below it (forget, drop).
//     What its Clients have learnt of their servers stays (lesson).
//
// What a change drops (dropConcerned):
//
//   - of a document: its CompiledDocument, and the Plans of the account and of all below it
//   - of a dictionary, table or users file: the CompiledDocuments below its account that look for its name, and the Plans below those
//   - of an account's row: all CompiledDocuments below it if it moved or what it holds differs; the Plans below it if it was enabled or
//     disabled. Limits and networks are set anew below it if those differ.
//   - without a kind, as in a reset: all of this
//
// The next request makes what was dropped, from the states, without the store. Where a document in use was replaced, the change itself
// does (renew). A request keeps the Plan that it started with.
//
// The order of locks is: reading or compiling of one node, then Cache.mu. Of two nodes none are held together.
package plans
