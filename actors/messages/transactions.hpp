// The names of what transactional producers ask of a node, and of the node as they see it. Kept
// apart, so that what does not serve them need not know.
#pragma once

#include <caf/typed_actor.hpp>

#include "actors/messages/messages.hpp"
#include "actors/messages/transactions.capnp.h"

namespace penstock {

using init_transaction = envelope<wire::InitTransaction>;
using init_transaction_reply = envelope<wire::InitTransactionReply>;
using add_to_transaction = envelope<wire::AddToTransaction>;
using end_transaction = envelope<wire::EndTransaction>;
using transaction_reply = envelope<wire::TransactionReply>;
using list_transactions = envelope<wire::ListTransactions>;
using transactions_list = envelope<wire::Transactions>;
using write_marker = envelope<wire::WriteMarker>;
using commit_in_transaction = envelope<wire::CommitInTransaction>;
using list_producers = envelope<wire::ListProducers>;
using producers_list = envelope<wire::Producers>;

/// What the transaction coordinator serves.
using transactions_actor =
    caf::typed_actor<caf::replies_to<init_transaction>::with<init_transaction_reply>,
                     caf::replies_to<add_to_transaction>::with<transaction_reply>,
                     caf::replies_to<end_transaction>::with<transaction_reply>,
                     caf::replies_to<list_transactions>::with<transactions_list>>;

/// Who writes the markers that end transactions: partitions, and the group coordinator for its own.
using marked_actor = caf::typed_actor<caf::replies_to<write_marker>::with<transaction_reply>>;

/// What a node serves beside that. Every node does: `caf::actor_cast` a `node_actor` to it.
using transactional_node_actor = transactions_actor::extend_with<marked_actor>::extend<
    caf::replies_to<commit_in_transaction>::with<group_reply>,
    caf::replies_to<list_producers>::with<producers_list>>;

}  // namespace penstock
