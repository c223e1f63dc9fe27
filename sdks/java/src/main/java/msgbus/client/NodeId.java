package msgbus.client;

/** Names a daemon. */
public record NodeId(String tenantId, String blName, String deviceId) {
  @Override
  public String toString() {
    return tenantId + "/" + blName + "/" + deviceId;
  }

  static NodeId from(msgbus.v1.Msgbus.NodeId wire) {
    return new NodeId(wire.getTenantId(), wire.getBlName(), wire.getDeviceId());
  }

  static NodeId from(msgbus.v2.Msgbus.NodeId wire) {
    return new NodeId(wire.getTenantId(), wire.getBlName(), wire.getDeviceId());
  }

  msgbus.v1.Msgbus.NodeId toV1() {
    return msgbus.v1.Msgbus.NodeId.newBuilder()
        .setTenantId(tenantId)
        .setBlName(blName)
        .setDeviceId(deviceId)
        .build();
  }

  msgbus.v2.Msgbus.NodeId toV2() {
    return msgbus.v2.Msgbus.NodeId.newBuilder()
        .setTenantId(tenantId)
        .setBlName(blName)
        .setDeviceId(deviceId)
        .build();
  }
}
