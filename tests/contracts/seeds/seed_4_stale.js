let lastHeartbeat = Date.now();

eventSource.onmessage = (event) => {
  const data = JSON.parse(event.data);
  
  if (data.type === 'heartbeat') {
    lastHeartbeat = Date.now();
  }
};

// Check for stale connection
setInterval(() => {
  const timeSinceLastHeartbeat = Date.now() - lastHeartbeat;
  if (timeSinceLastHeartbeat > 60000) {
    console.warn('Connection may be stale');
    eventSource.close();
  }
}, 10000);
