/**
 * Client of msgbus, a durable, local-first message bus. Begin with {@link msgbus.client.MsgbusClient#connect(String)}.
 */
package msgbus.client;
