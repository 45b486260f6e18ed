// Listen for specific event types
eventSource.addEventListener('message', (event) => {
  const data = JSON.parse(event.data);
  
  if (data.type === 'connection') {
    handleConnection(data);
  } else if (data.type === 'heartbeat') {
    handleHeartbeat(data);
  } else if (data.type === 'error') {
    handleError(data);
  }
});
