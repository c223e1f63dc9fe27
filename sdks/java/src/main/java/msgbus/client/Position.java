package msgbus.client;

/**
 * A place in the commit order of one daemon's store; programs may keep it.
 *
 * @param epoch names the store, and changes when it is made anew; empty on daemons that only speak v1
 * @param sequence the place; the head id when {@code epoch} is empty
 */
public record Position(String epoch, long sequence) {}
