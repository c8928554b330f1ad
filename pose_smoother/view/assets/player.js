// Playing: by the clock, or by the clip where one plays behind the skeletons.

let anchor = { time: 0, frame: 0 };

function play() {
  if (S.playing) return;
  if (S.frame >= N - 1) goTo(0);
  anchor = { time: performance.now(), frame: S.frame };
  if (clip.ready && S.clip) {
    video.currentTime = Math.max(0, clipTime(S.frame));
    video.playbackRate = S.speed;
    video.play().catch(() => {});
  }
  set({ playing: true });
  requestAnimationFrame(tick);
}

function pause() {
  if (!S.playing) return;
  if (clip.ready) video.pause();
  set({ playing: false });
  seekClip();
}

function tick(now) {
  if (!S.playing) return;
  const byClip = clipFrame();
  const frame = byClip === null ? anchor.frame + Math.floor(((now - anchor.time) / 1000) * FPS * S.speed) : byClip;
  if (frame >= N - 1) { goTo(N - 1); pause(); return; }
  if (frame >= 0) goTo(Math.max(frame, 0));
  if (clip.ready) redraw('media');
  requestAnimationFrame(tick);
}

function setSpeed(speed) {
  anchor = { time: performance.now(), frame: S.frame };
  if (clip.ready) video.playbackRate = speed;
  set({ speed });
}

onChange(['playing'], () => {
  $('play').setAttribute('aria-label', S.playing ? 'Pause' : 'Play');
  $('play-icon').setAttribute('d', S.playing ? 'M5 4h3.5v12H5zM11.5 4H15v12h-3.5z' : 'M6 4v12l10-6z');
});
