package msgbus.client;

/**
 * Of a stored message.
 *
 * @param duplicate it was stored before under the same publish id
 */
public record Receipt(long headId, String id, long createdAtMs, boolean duplicate) {}
